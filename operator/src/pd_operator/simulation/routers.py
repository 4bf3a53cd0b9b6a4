"""How the router picks a worker: SGLang's policies, by the load that the router knows."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from random import Random
from typing import Protocol, TypeVar

from pd_operator.api.router import DecodePolicy, PrefillPolicy
from pd_operator.simulation.decode_worker import DecodeWorker
from pd_operator.simulation.job import Job
from pd_operator.simulation.prefill_worker import PrefillWorker

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

    def __init__(self, dice: Random) -> None:
        self._dice = dice

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

    def __init__(self, load: Callable[[W], float], dice: Random) -> None:
        self._load: Callable[[W], float] = load
        self._dice = dice

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


PREFILL_LOAD: Callable[[PrefillWorker], float] = attrgetter("pending_tokens")
DECODE_LOAD: Callable[[DecodeWorker], float] = attrgetter("requests")


def prefill_picker(policy: PrefillPolicy, dice: Random) -> Picker[PrefillWorker]:
    """The policy of that name; `ValueError` for one that is not simulated."""
    match policy:
        case PrefillPolicy.ROUND_ROBIN:
            return RoundRobin()
        case PrefillPolicy.RANDOM:
            return RandomChoice(dice)
        case PrefillPolicy.POWER_OF_TWO:
            return PowerOfTwo(PREFILL_LOAD, dice)
        case PrefillPolicy.LEAST_LOAD:
            return LeastLoad(PREFILL_LOAD)
    raise ValueError(f"the prefill policy {policy.value} is not simulated")


def decode_picker(policy: DecodePolicy, dice: Random) -> Picker[DecodeWorker]:
    """The policy of that name; `ValueError` for one that is not simulated."""
    match policy:
        case DecodePolicy.ROUND_ROBIN:
            return RoundRobin()
        case DecodePolicy.RANDOM:
            return RandomChoice(dice)
        case DecodePolicy.POWER_OF_TWO:
            return PowerOfTwo(DECODE_LOAD, dice)
        case DecodePolicy.LEAST_LOAD:
            return LeastLoad(DECODE_LOAD)
    raise ValueError(f"the decode policy {policy.value} is not simulated")
