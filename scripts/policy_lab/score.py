"""What a trial is judged by."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pd_operator.planning.objectives import Objectives
from pd_operator.simulation import PoolSizes, Requests, SimulationResult

_WORST_SECONDS = 300.0
_REVERSAL_SECONDS = 600.0
_MINIMUM_REQUESTS = 20
"""A window of five minutes with fewer says nothing."""


@dataclass(frozen=True)
class Score:
    """One trial.

    - `attainment`: share of all offered requests within both objectives; `ttft`, `tpot` of each.
    - `gpu_hours`: held by both pools, from the asking for a worker until it is gone.
    - `worst_minutes`: attainment of the worst five minutes, by arrival.
    - `changes_per_hour`: times that a pool was asked for another size.
    - `reversals_per_day`: changes of a pool against its last one, less than ten minutes ago.
    """

    attainment: float
    ttft: float
    tpot: float
    gpu_hours: float
    worst_minutes: float
    changes_per_hour: float
    reversals_per_day: float
    flips: int
    lost: int


def score(requests: Requests, result: SimulationResult, objectives: Objectives) -> Score:
    """Judge a trial."""
    attained = result.attained(objectives)
    hours = max(requests.span_seconds, 1.0) / 3600
    changes = _changes(result.sizes)
    return Score(
        attainment=attained.joint,
        ttft=attained.ttft,
        tpot=attained.tpot,
        gpu_hours=result.gpu_seconds / 3600,
        worst_minutes=_worst(requests, result, objectives),
        changes_per_hour=len(changes) / hours,
        reversals_per_day=24 * _reversals(changes) / hours,
        flips=result.flips,
        lost=result.lost_requests,
    )


def _worst(requests: Requests, result: SimulationResult, objectives: Objectives) -> float:
    met = (result.ttft_seconds <= objectives.ttft.seconds) & ~(
        result.tpot_seconds > objectives.tpot.seconds
    )
    windows = (requests.arrival_seconds // _WORST_SECONDS).astype(np.int64)
    offered = np.bincount(windows)
    enough = offered >= _MINIMUM_REQUESTS
    shares = np.bincount(windows, weights=met)[enough] / offered[enough]
    return float(shares.min(initial=1.0))


@dataclass(frozen=True)
class _Change:
    at_seconds: float
    pool: int
    up: bool


def _changes(sizes: tuple[PoolSizes, ...]) -> list[_Change]:
    found: list[_Change] = []
    for pool in (0, 1):
        last: int | None = None
        for size in sizes:
            wanted = size.decode_wanted if pool else size.prefill_wanted
            if last is not None and wanted != last:
                found.append(_Change(size.time_seconds, pool, wanted > last))
            last = wanted
    return found


def _reversals(changes: list[_Change]) -> int:
    return sum(
        one.pool == other.pool
        and one.up != other.up
        and other.at_seconds - one.at_seconds < _REVERSAL_SECONDS
        for one, other in pairwise(changes)
    )
