"""How the router picks a worker: SGLang's policies, by the load that the router knows."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from operator import attrgetter
from random import Random
from typing import Protocol, TypeVar

from pd_operator.api.router import DecodePolicy, PrefillPolicy
from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.decode_worker import DecodeWorker
from pd_operator.simulation.job import Job
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.service import ServiceModel

W = TypeVar("W", PrefillWorker, DecodeWorker)


class Picker(Protocol[W]):
    """One policy for one pool."""

    def pick(self, workers: Sequence[W], job: Job) -> W:
        """One of `workers`, of which there is at least one."""


class RoundRobin(Picker[W]):
    """One after the other."""

    def __init__(self) -> None:
        self._turn = 0

    def pick(self, workers: Sequence[W], job: Job) -> W:
        """The next one."""
        del job
        self._turn += 1
        return workers[self._turn % len(workers)]


class RandomChoice(Picker[W]):
    """Any of them."""

    def __init__(self, rng: Random) -> None:
        self._dice = rng

    def pick(self, workers: Sequence[W], job: Job) -> W:
        """Each with equal probability."""
        del job
        return workers[int(self._dice.random() * len(workers))]


class LeastLoad(Picker[W]):
    """The one with the least load; of equals the first."""

    def __init__(self, load: Callable[[W], float]) -> None:
        self._load: Callable[[W], float] = load

    def pick(self, workers: Sequence[W], job: Job) -> W:
        """Looks at all of them."""
        del job
        return min(workers, key=self._load)


class PowerOfTwo(Picker[W]):
    """The one with less load of two that are drawn."""

    def __init__(self, rng: Random, load: Callable[[W], float]) -> None:
        self._load: Callable[[W], float] = load
        self._dice = rng

    def pick(self, workers: Sequence[W], job: Job) -> W:
        """Two different ones are drawn, where there are two."""
        del job
        count = len(workers)
        if count == 1:
            return workers[0]
        random = self._dice.random
        first = int(random() * count)
        second = int(random() * (count - 1))
        if second >= first:
            second += 1
        one, other = workers[first], workers[second]
        return one if self._load(one) <= self._load(other) else other


class Polling(Picker[W]):
    """A policy by loads that are asked for now and then, as smg asks its workers.

    Between two polls a worker's load is what it was, plus `credit` for each request sent there.
    Without credit, as in smg's power of two, all who look before the next poll prefer the same.
    A worker that came after the poll seems idle.
    """

    def __init__(
        self,
        make: Callable[[Callable[[W], float]], Picker[W]],
        load: Callable[[W], float],
        period_seconds: float,
        credit: float,
        agenda: Agenda,
    ) -> None:
        self._policy: Picker[W] = make(self._known_load)
        self._load: Callable[[W], float] = load
        self._period = period_seconds
        self._credit = credit
        self._agenda = agenda
        self._known: dict[W, float] = {}
        self._next_poll = 0.0

    def pick(self, workers: Sequence[W], job: Job) -> W:
        """What the policy picks by what is known."""
        now = self._agenda.now
        if now >= self._next_poll:
            self._known = {worker: self._load(worker) for worker in workers}
            self._next_poll = now - now % self._period + self._period
        worker = self._policy.pick(workers, job)
        self._known[worker] = self._known_load(worker) + self._credit
        return worker

    def _known_load(self, worker: W) -> float:
        return self._known.get(worker, 0.0)


class Bucket(Picker[PrefillWorker]):
    """By length of the prompt: each worker has a range of lengths, so that short ones wait less.

    As smg's policy does it: every `_PERIOD_SECONDS` the ranges are drawn anew where the load has
    doubled or halved, so that each has the same share of the last period's tokens. And while what
    was sent to the workers differs by too much, the one that was sent the least is picked.
    """

    _PERIOD_SECONDS = 5.0
    _UNEVEN_TOKENS, _UNEVEN_RATIO = 16, 1.5  # smg counts characters: 64

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._recent: deque[tuple[float, int, PrefillWorker]] = deque()
        self._sent: dict[PrefillWorker, int] = {}
        self._edges: list[int] = []
        self._share = 0.0
        self._drawn_at = 0.0

    def pick(self, workers: Sequence[PrefillWorker], job: Job) -> PrefillWorker:
        """The worker of the range, or the one that was sent the least."""
        now = self._agenda.now
        self._forget_before(now - self._PERIOD_SECONDS)
        if len(self._edges) != len(workers) - 1 or now - self._drawn_at >= self._PERIOD_SECONDS:
            self._draw_edges(len(workers))
        sent = self._sent
        loads = [sent.get(worker, 0) for worker in workers]
        least, most = min(loads), max(loads)
        if most - least > self._UNEVEN_TOKENS and most > self._UNEVEN_RATIO * least:
            worker = workers[loads.index(least)]
        else:
            worker = workers[bisect_left(self._edges, job.prompt)]
        self._recent.append((now, job.prompt, worker))
        sent[worker] = sent.get(worker, 0) + job.prompt
        return worker

    def _forget_before(self, seconds: float) -> None:
        recent = self._recent
        while recent and recent[0][0] < seconds:
            _, tokens, worker = recent.popleft()
            self._sent[worker] -= tokens

    def _draw_edges(self, workers: int) -> None:
        """Upper ends of all ranges but the last, in tokens."""
        self._drawn_at = self._agenda.now
        lengths = sorted(tokens for _, tokens, _ in self._recent)
        share = sum(lengths) / workers
        if len(self._edges) == workers - 1 and 0.5 * self._share <= share <= 2 * self._share:
            return
        self._share = share
        sums = list(accumulate(lengths))
        self._edges = [
            lengths[bisect_left(sums, part * share)] if lengths else _FIRST_EDGE * part // workers
            for part in range(1, workers)
        ]


_FIRST_EDGE = 1024
"""Tokens over which the ranges are spread before anything is known of the lengths."""

_PENDING_TOKENS: Callable[[PrefillWorker], float] = attrgetter("pending_tokens")
prefill_requests: Callable[[PrefillWorker], float] = attrgetter("requests")
_DECODE_REQUESTS: Callable[[DecodeWorker], float] = attrgetter("requests")


_CREDIT_TOKENS = 1024.0
"""What smg's least load takes a request for whose tokens it has not counted."""


def prefill_picker(service: ServiceModel, rng: Random, agenda: Agenda) -> Picker[PrefillWorker]:
    """The service's policy; `ValueError` for one that is not simulated."""
    policy = service.prefill_policy
    match policy:
        case PrefillPolicy.ROUND_ROBIN:
            return RoundRobin()
        case PrefillPolicy.RANDOM:
            return RandomChoice(rng)
        case PrefillPolicy.POWER_OF_TWO:
            return _power_of_two(service, rng, agenda)
        case PrefillPolicy.LEAST_LOAD:
            return _by_load(LeastLoad, _PENDING_TOKENS, service, _CREDIT_TOKENS, agenda)
        case PrefillPolicy.BUCKET:
            return Bucket(agenda)
    raise ValueError(f"the prefill policy {policy.value} is not simulated")


def _power_of_two(service: ServiceModel, rng: Random, agenda: Agenda) -> Picker[PrefillWorker]:
    """By the tokens of the last poll; without polls by the requests that the router has there."""
    make = partial(PowerOfTwo, rng)
    if not service.load_poll_seconds:
        return make(prefill_requests)
    return _by_load(make, _PENDING_TOKENS, service, 0.0, agenda)


def decode_picker(service: ServiceModel, rng: Random, agenda: Agenda) -> Picker[DecodeWorker]:
    """The service's policy; `ValueError` for one that is not simulated."""
    policy = service.decode_policy
    match policy:
        case DecodePolicy.ROUND_ROBIN:
            return RoundRobin()
        case DecodePolicy.RANDOM:
            return RandomChoice(rng)
        case DecodePolicy.POWER_OF_TWO:
            return _by_load(partial(PowerOfTwo, rng), _DECODE_REQUESTS, service, 0.0, agenda)
        case DecodePolicy.LEAST_LOAD:
            return _by_load(LeastLoad, _DECODE_REQUESTS, service, 1.0, agenda)
    raise ValueError(f"the decode policy {policy.value} is not simulated")


def _by_load(
    make: Callable[[Callable[[W], float]], Picker[W]],
    load: Callable[[W], float],
    service: ServiceModel,
    credit: float,
    agenda: Agenda,
) -> Picker[W]:
    """A policy by the loads of the moment, or by those of the router's last poll."""
    if not service.load_poll_seconds:
        return make(load)
    return Polling(make, load, service.load_poll_seconds, credit, agenda)
