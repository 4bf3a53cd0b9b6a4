"""Sums in which what lies further back counts for less."""

from functools import lru_cache

import numpy as np

from pd_forecasting.base import FloatArray

_BLOCK_BINS = 128
"""Bins summed by one product of matrices: time goes with their number, a call's own with blocks."""


def discounted(before: FloatArray, news: FloatArray, half_life_bins: int) -> FloatArray:
    """Sums after each of m bins, shape (..., k, m), that lose half of themselves in a half-life.

    `before` are the sums so far, shape (..., k); `news` is what each bin adds, shape (..., k, m).
    """
    blocks = []
    for start in range(0, news.shape[-1], _BLOCK_BINS):
        block = news[..., start : start + _BLOCK_BINS]
        of_sum, of_news = _factors(block.shape[-1], half_life_bins)
        blocks.append(before[..., None] * of_sum + block @ of_news)
        before = blocks[-1][..., -1]
    return np.concatenate(blocks, axis=-1) if blocks else news


@lru_cache(maxsize=64)
def _factors(bins: int, half_life_bins: int) -> tuple[FloatArray, FloatArray]:
    """What is left after each of m bins: of a sum before them, (m,), of each one's news, (m, m)."""
    keep = 0.5 ** (1 / half_life_bins)
    age = np.arange(bins)[None, :] - np.arange(bins)[:, None]
    of_news = np.where(age >= 0, keep ** np.maximum(age, 0), 0.0)
    return keep ** np.arange(1, bins + 1), of_news
