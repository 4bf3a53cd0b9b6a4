"""Sums in which what lies further back counts for less."""

from functools import lru_cache

import numpy as np

from pd_forecasting.base import FloatArray

_BLOCK_BINS = 32
"""Bins summed by one product of matrices: time goes with their number, a call's own with blocks."""


def discounted(before: FloatArray, news: FloatArray, half_life_bins: float) -> FloatArray:
    """Sums after each of m bins, shape (..., k, m), that lose half of themselves in a half-life.

    `before` are the sums so far, shape (..., k); `news` is what each bin adds, shape (..., k, m).
    """
    bins = news.shape[-1]
    if bins <= _BLOCK_BINS:
        of_sum, of_news = _factors(bins, half_life_bins)
        added = news if bins == 1 else news @ of_news
        short: FloatArray = before[..., None] * of_sum + added
        return short
    blocks = _in_blocks(news)
    of_sum, of_news = _factors(_BLOCK_BINS, half_life_bins)
    within = blocks @ of_news
    ends = discounted(before, within[..., -1], half_life_bins / _BLOCK_BINS)
    carried = np.concatenate([before[..., None], ends[..., :-1]], axis=-1)
    sums = carried[..., None] * of_sum + within
    return sums.reshape(*news.shape[:-1], -1)[..., :bins]


def _in_blocks(news: FloatArray) -> FloatArray:
    """The bins in blocks, the last filled up with zeros: shape (..., k, blocks, bins)."""
    bins = news.shape[-1]
    blocks = -(-bins // _BLOCK_BINS)
    filled = np.zeros((*news.shape[:-1], blocks * _BLOCK_BINS))
    filled[..., :bins] = news
    return filled.reshape(*news.shape[:-1], blocks, _BLOCK_BINS)


@lru_cache(maxsize=64)
def _factors(bins: int, half_life_bins: float) -> tuple[FloatArray, FloatArray]:
    """What is left after each of m bins: of a sum before them, (m,), of each one's news, (m, m)."""
    keep = 0.5 ** (1 / half_life_bins)
    age = np.arange(bins)[None, :] - np.arange(bins)[:, None]
    of_news = np.where(age >= 0, keep ** np.maximum(age, 0), 0.0)
    return keep ** np.arange(1, bins + 1), of_news
