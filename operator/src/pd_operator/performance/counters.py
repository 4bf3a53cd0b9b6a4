"""What a worker did between two looks at its counters; believes nothing that cannot be.

SGLang counts since its start: uncached prompt tokens and the time it computed on them, and, over
decode steps, the moments (1, batch, microseconds, batch squared, batch times microseconds,
generated tokens). Only differences say anything of now, and only where work was done.
"""

import math
from dataclasses import dataclass

MICROSECONDS = 1e-6
MOMENTS = 6

MINIMUM_PREFILL_SECONDS = 0.05
"""Less work than this is a handful of passes: its mean is chance."""

MINIMUM_PROMPTS = 16.0
MINIMUM_DECODE_STEPS = 16.0
_ROUNDING = 1e-6
"""A batch mean and its square are sums of floats: so far they may contradict each other."""


@dataclass(frozen=True)
class PrefillWork:
    """`tokens` uncached prompt tokens computed in `busy_seconds` of `elapsed_seconds`."""

    tokens: float
    busy_seconds: float
    elapsed_seconds: float


@dataclass(frozen=True)
class DecodeWork:
    """`steps` decode steps: mean and standard deviation of the batch, mean seconds of a step."""

    steps: float
    batch_mean: float
    batch_deviation: float
    step_seconds: float


@dataclass(frozen=True)
class Counters:
    """What an engine has counted since its start, read at `time_seconds`."""

    time_seconds: float
    prefill_tokens: float
    prefill_busy_seconds: float
    decode_moments: tuple[float, ...]


def prefill_work(before: Counters, after: Counters) -> PrefillWork | None:
    """Prefill between two readings.

    None where too little was done to tell, where a counter ran backwards (the engine restarted),
    and where tokens took no time or time made no tokens.
    """
    tokens = after.prefill_tokens - before.prefill_tokens
    busy = after.prefill_busy_seconds - before.prefill_busy_seconds
    elapsed = after.time_seconds - before.time_seconds
    if not all(math.isfinite(figure) and figure > 0 for figure in (tokens, busy, elapsed)):
        return None
    return PrefillWork(tokens, busy, elapsed) if busy >= MINIMUM_PREFILL_SECONDS else None


def ran_backwards(before: Counters, after: Counters) -> bool:
    """Whether some counter is lower than it was: another process answers by that name."""
    pairs = [
        (before.prefill_tokens, after.prefill_tokens),
        (before.prefill_busy_seconds, after.prefill_busy_seconds),
        *zip(before.decode_moments, after.decode_moments, strict=False),
    ]
    return any(not later >= earlier for earlier, later in pairs)


def decode_work(before: Counters, after: Counters) -> DecodeWork | None:
    """Decode between two readings; None as for `prefill_work`.

    Refused too: a step without a sequence, and squares that no batches have
    (the mean square is never below the square of the mean).
    """
    earlier, later = before.decode_moments, after.decode_moments
    if len(earlier) != MOMENTS or len(later) != MOMENTS:
        return None
    gains = [now - then for then, now in zip(earlier, later, strict=True)]
    if not all(math.isfinite(gain) and gain >= 0 for gain in gains):
        return None
    steps, batches, microseconds, squares = gains[:4]
    if steps < MINIMUM_DECODE_STEPS or microseconds <= 0:
        return None
    mean = batches / steps
    variance = squares / steps - mean**2
    if mean < 1 - _ROUNDING or variance < -_ROUNDING * mean**2:
        return None
    return DecodeWork(
        steps=steps,
        batch_mean=mean,
        batch_deviation=math.sqrt(max(0.0, variance)),
        step_seconds=microseconds * MICROSECONDS / steps,
    )
