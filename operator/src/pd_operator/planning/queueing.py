"""Waiting in queues of prompts: how long, and how often not at all.

Formulas: Erlang C; Allen and Cunneen's approximation of G/G/c (A. O. Allen, Probability,
Statistics and Queueing Theory, 1990, 5.3.3); Pollaczek and Khinchine's M/G/1. All rates are per
second, all times seconds; scv is a squared coefficient of variation.
"""

import math
from dataclasses import dataclass

import numpy as np

from pd_operator.demand.arrays import FloatArray

_NOTHING_SECONDS = 1e-9
_NOTHING_SHARE = 1e-9


@dataclass(frozen=True)
class Service:
    """How long one prompt occupies a worker: seconds with probabilities, shape (n,) each."""

    seconds: FloatArray
    probabilities: FloatArray

    @property
    def mean(self) -> float:
        """Mean seconds."""
        return float(self.probabilities @ self.seconds)

    @property
    def scv(self) -> float:
        """Variance over squared mean."""
        mean = self.mean
        if mean == 0:
            return 0.0
        return max(0.0, float(self.probabilities @ self.seconds**2) / mean**2 - 1)


@dataclass(frozen=True)
class Waiting:
    """A prompt waits with `probability`, and then an exponential time of mean `seconds`.

    An infinite mean is a queue that grows without end.
    """

    probability: float
    seconds: float

    @property
    def mean(self) -> float:
        """Mean seconds over all prompts, those that do not wait included."""
        return self.probability * self.seconds if self.probability > 0 else 0.0


def erlang_c(servers: int, offered_load: float) -> float:
    """Probability that all of `servers` are busy, with `offered_load` = rate times service."""
    if offered_load >= servers:
        return 1.0
    if offered_load <= 0:
        return 0.0
    blocked = 1.0  # Erlang B by its recursion: no factorials, no overflow
    for server in range(1, servers + 1):
        blocked = offered_load * blocked / (server + offered_load * blocked)
    utilisation = offered_load / servers
    return blocked / (1 - utilisation * (1 - blocked))


def one_queue(rate: float, servers: int, service: Service, arrival_scv: float) -> Waiting:
    """Allen-Cunneen: one queue before all workers, as with a router that knows their load."""
    offered = rate * service.mean
    if offered >= servers:
        return Waiting(1.0, math.inf)
    probability = erlang_c(servers, offered)
    spread = (arrival_scv + service.scv) / 2
    return Waiting(probability, service.mean / (servers - offered) * spread)


def own_queues(rate: float, servers: int, service: Service, arrival_scv: float) -> Waiting:
    """Pollaczek-Khinchine: each worker queues for itself, as with a router that knows nothing.

    Splitting a stream at random makes it more like Poisson: its scv goes to one.
    """
    utilisation = rate * service.mean / servers
    if utilisation >= 1:
        return Waiting(1.0, math.inf)
    spread = (1 + (arrival_scv - 1) / servers + service.scv) / 2
    return Waiting(utilisation, service.mean / (1 - utilisation) * spread)


def share_later_than(seconds: float, waiting: Waiting, rest: Service) -> float:
    """Share of prompts whose waiting and `rest` together take longer than `seconds`."""
    left = seconds - rest.seconds
    if waiting.probability == 0 or waiting.seconds < _NOTHING_SECONDS:
        still_waiting = np.zeros_like(left)
    elif math.isinf(waiting.seconds):
        still_waiting = np.full_like(left, waiting.probability)
    else:
        still_waiting = waiting.probability * np.exp(-np.maximum(left, 0.0) / waiting.seconds)
    late = np.where(left < 0, 1.0, still_waiting)
    return float(rest.probabilities @ late)


def meets(seconds: float, share: float, waiting: Waiting, rest: Service) -> bool:
    """Whether `share` of the prompts take at most `seconds`, waiting and `rest` together."""
    return share_later_than(seconds, waiting, rest) <= 1 - share + _NOTHING_SHARE


def quantile(share: float, waiting: Waiting, rest: Service) -> float:
    """Seconds of waiting and `rest` together that `share` of the prompts stay within.

    The two are convolved; their quantiles must not be added. Infinite for a queue without end.
    """
    if math.isinf(waiting.seconds) and waiting.probability > 1 - share:
        return math.inf
    low, high = 0.0, float(rest.seconds.max())
    while not meets(high, share, waiting, rest):
        low, high = high, 2 * high + 1e-6
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        if meets(middle, share, waiting, rest):
            high = middle
        else:
            low = middle
    return high
