"""The split of too few GPUs that carries most requests within both objectives."""

from dataclasses import dataclass

from pd_operator.planning.decode import DecodeLoad
from pd_operator.planning.limits import Limits, WorkerRange
from pd_operator.planning.prefill import PrefillLoad


@dataclass(frozen=True)
class Split:
    """Workers of both pools, and the share of the load that meets both objectives with them."""

    prefill: int
    decode: int
    share: float
    gpus: int


def best_split(
    prefill: PrefillLoad, decode: DecodeLoad, limits: Limits, budget: int
) -> Split | None:
    """The pair of pools within `budget` GPUs that carries most; of equals the one of fewest GPUs.

    None where the budget does not cover the fewest workers allowed. A pair carries the lesser of
    what its pools carry. Prefill carries more with every worker, and decode then less with what
    is left, so the best pair is where the two cross.
    """
    allowed_p, allowed_d = limits.prefill_workers, limits.decode_workers
    left_for_prefill = budget - allowed_d.minimum * decode.worker.gpus
    maximum = min(allowed_p.maximum, left_for_prefill // prefill.worker.gpus)
    if maximum < allowed_p.minimum:
        return None

    def left(workers: int) -> int:
        return min(
            allowed_d.maximum, (budget - workers * prefill.worker.gpus) // decode.worker.gpus
        )

    def prefill_is_enough(workers: int) -> bool:
        return prefill.carried_share(workers) >= decode.carried_share(left(workers))

    low, high = allowed_p.minimum, maximum
    while low < high:
        middle = (low + high) // 2
        if prefill_is_enough(middle):
            high = middle
        else:
            low = middle + 1
    candidates = (low, low - 1) if low > allowed_p.minimum else (low,)
    splits = [
        _split(prefill, decode, p, WorkerRange(allowed_d.minimum, left(p))) for p in candidates
    ]
    return max(splits, key=lambda split: (split.share, -split.gpus))


def _split(prefill: PrefillLoad, decode: DecodeLoad, p: int, allowed: WorkerRange) -> Split:
    """As few of the allowed decode workers as carry what prefill carries."""
    carried = min(prefill.carried_share(p), decode.carried_share(allowed.maximum))
    d = allowed.maximum
    while d > allowed.minimum and decode.carried_share(d - 1) >= carried:
        d -= 1
    return Split(p, d, carried, p * prefill.worker.gpus + d * decode.worker.gpus)
