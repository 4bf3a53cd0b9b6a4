"""A bound: one that knows every request beforehand, and pays for start-ups like everybody.

Each pool's need over time is known exactly: for prefill the seconds of work that arrive per second,
for decode the sequences under way over those that one worker runs within the objective. Staffed by
the square-root rule (Halfin and Whitt 1981), `need + slack * sqrt(need)` workers, rounded up, serve
slot by slot. A worker serves on as long as it is needed again within one start-up: to keep it costs
no more than to start another, which makes the timetable the cheapest that covers the need
(Lu, Chen and Andrew 2013, "Simple and effective dynamic provisioning").

The slack and the time over which need is averaged are found for each load in the very simulation
that judges: the cheapest timetable that attains the target. It is the best of a family, not of all
timetables: a bound that can be had, not one that cannot be passed.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scripts.policy_lab.one_pool import missed_by
from scripts.policy_lab.score import Score
from scripts.policy_lab.trial import Setting, judge

from pd_operator.api.roles import Role
from pd_operator.demand import FloatArray
from pd_operator.performance import EngineSurfaces
from pd_operator.simulation import Pools, Requests
from pd_operator.simulation.policies.timetable import Timetable

SLOT_SECONDS = 5.0
_WINDOWS_SECONDS = (5.0, 25.0)
_SLACKS = (2.4, 1.8, 1.3, 0.95, 0.65, 0.4, 0.15, -0.1, -0.3)
_KEPT = 3
"""Timetables kept of each window: both pools together may miss no more than each alone."""

_JOINT_TRIALS = 5


@dataclass(frozen=True)
class Clairvoyant:
    """The timetable found, as workers in each slot, and what it scored."""

    prefill: tuple[int, ...]
    decode: tuple[int, ...]
    score: Score


def clairvoyant(setting: Setting, attainment: float) -> Clairvoyant:
    """The cheapest timetable of the family that attains so much; else the one that attains most."""
    allowed = 1 - attainment
    prefill, decode = (list(_candidates(setting, role, allowed)) for role in Role)
    pairs = sorted(
        ((ours, theirs) for ours in prefill for theirs in decode),
        key=lambda pair: pair[0].gpu_hours + pair[1].gpu_hours,
    )
    # Missed shares nearly add up: pairs that miss too much together are not worth a trial.
    fit = [pair for pair in pairs if pair[0].missed + pair[1].missed <= allowed] or pairs[-1:]
    tried: list[Clairvoyant] = []
    for ours, theirs in fit[:_JOINT_TRIALS]:
        pools = [Pools(*pair) for pair in zip(ours.workers, theirs.workers, strict=True)]
        found = judge(setting, Timetable(SLOT_SECONDS, pools))
        tried.append(Clairvoyant(ours.workers, theirs.workers, found))
        if found.attainment >= attainment:
            return tried[-1]
    return max(tried, key=lambda one: one.score.attainment)


@dataclass(frozen=True)
class _Candidate:
    workers: tuple[int, ...]
    missed: float
    gpu_hours: float


def _candidates(setting: Setting, role: Role, allowed: float) -> Iterator[_Candidate]:
    """For each window, the leanest timetable of one pool that does, and those a little above."""
    for window in _WINDOWS_SECONDS:
        tables = [_timetable(setting, _need(setting, role, window), slack) for slack in _SLACKS]
        tried = cache(partial(_tried, setting, role))
        too_lean = bisect_left(tables, True, key=lambda table: tried(table).missed > allowed)
        yield from map(tried, tables[max(0, too_lean - _KEPT) : max(1, too_lean)])


def _tried(setting: Setting, role: Role, table: tuple[int, ...]) -> _Candidate:
    return _Candidate(table, *missed_by(setting, role, _follow(role, table)))


def _follow(role: Role, table: tuple[int, ...]) -> Callable[[Pools], Timetable]:
    """Makes a policy that sizes one pool by a table and leaves the other as large as it may be."""

    def made(most: Pools) -> Timetable:
        pairs = (
            Pools(workers, most.decode) if role is Role.PREFILL else Pools(most.prefill, workers)
            for workers in table
        )
        return Timetable(SLOT_SECONDS, list(pairs))

    return made


def _timetable(setting: Setting, need: FloatArray, slack: float) -> tuple[int, ...]:
    """Workers to have asked for in each slot, so that they serve when they are needed."""
    staffed = np.ceil(need + slack * np.sqrt(need)).astype(int)
    serving = np.clip(staffed, 1, setting.scenario.site.most_workers)
    ahead = math.ceil(setting.startup_seconds / SLOT_SECONDS) + 1
    padded = np.concatenate([serving, np.full(ahead, serving[-1])])
    windows = np.lib.stride_tricks.sliding_window_view(padded, ahead + 1)
    return tuple(int(workers) for workers in windows.max(axis=1))


def _need(setting: Setting, role: Role, window_seconds: float) -> FloatArray:
    """Workers' worth of load in each slot, averaged over `window_seconds`."""
    slots = round(window_seconds / SLOT_SECONDS)
    measured = _work(setting) if role is Role.PREFILL else _batches(setting)
    return np.convolve(measured, np.ones(slots) / slots, "same")


def _slots(requests: Requests) -> int:
    return int(requests.span_seconds // SLOT_SECONDS) + 1


def _work(setting: Setting) -> FloatArray:
    """Seconds of prefill that arrive per second."""
    requests = setting.requests
    surfaces = setting.scenario.engine(setting.startup_seconds).prefill
    seconds = surfaces.prefill_seconds_each(requests.prompt_tokens.astype(np.float64))
    slots = (requests.arrival_seconds // SLOT_SECONDS).astype(int)
    return np.bincount(slots, weights=seconds, minlength=_slots(requests)) / SLOT_SECONDS


def _batches(setting: Setting) -> FloatArray:
    """Sequences under way, over the most that one worker steps within the objective."""
    requests, scenario = setting.requests, setting.scenario
    tpot = scenario.objectives.tpot.seconds
    begun = requests.arrival_seconds + scenario.objectives.ttft.seconds / 2
    # A full worker steps at the objective's pace, so that is how long a sequence stays.
    ended = np.sort(begun + requests.output_tokens * tpot)
    edges = SLOT_SECONDS * (np.arange(_slots(requests)) + 0.5)
    under_way = np.searchsorted(begun, edges, "right") - np.searchsorted(ended, edges, "right")
    context = _smoothed(requests.prompt_tokens + requests.output_tokens / 2)
    nearest = np.searchsorted(requests.arrival_seconds, edges).clip(0, len(requests) - 1)
    surfaces = scenario.engine(setting.startup_seconds).decode
    return np.asarray(under_way / largest_batch(surfaces, context[nearest], tpot))


def _smoothed(values: FloatArray, over: int = 200) -> FloatArray:
    width = min(over, len(values))
    counts = np.convolve(np.ones(len(values)), np.ones(width), "same")
    return np.convolve(values, np.ones(width), "same") / counts


def largest_batch(
    surfaces: EngineSurfaces, contexts: FloatArray, tpot_seconds: float
) -> FloatArray:
    """Sequences of each context, in tokens, that a worker steps within the objective."""
    batches = np.arange(1.0, 513.0)
    grid = np.unique(np.round(contexts, -2).clip(100))
    largest = [
        max(1, int((surfaces.decode_step_seconds_each(batches, float(one)) <= tpot_seconds).sum()))
        for one in grid
    ]
    return np.interp(contexts, grid, largest)
