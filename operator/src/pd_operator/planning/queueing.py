"""Waiting in queues of prompts: how long, and how often not at all.

| router | queue | formula |
|---|---|---|
| knows every worker's load | G/G/c | Erlang C; A. O. Allen, A. Cunneen: approximation of G/G/c (Allen, Probability, Statistics and Queueing Theory, 1990, 5.3.3) |
| takes the lesser of two | between c = 2, which is G/G/2, and the limit | N. Vvedenskaya, R. Dobrushin, F. Karpelevich, 1996: the limit for many workers |
| in turn | GI/G/1 each | W. Kraemer, M. Langenbach-Belz, 1976, with the gaps of c arrivals |
| knows nothing | M/G/1 each | F. Pollaczek, A. Khinchine |

All rates are per second, all times seconds; scv is a squared coefficient of variation. A queue is
a function of rate, servers, service and the scv of the arrivals.
"""  # noqa: E501 - a table's row is a line

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pd_operator.demand import FloatArray

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
    utilization = offered_load / servers
    return blocked / (1 - utilization * (1 - blocked))


Queue = Callable[[float, int, Service, float], Waiting]
_ENDLESS = Waiting(1.0, math.inf)
_NEVER = Waiting(0.0, 0.0)


def allen_cunneen(rate: float, servers: int, service: Service, arrival_scv: float) -> Waiting:
    """Allen-Cunneen: one queue before all workers, as with a router that knows their load."""
    offered = rate * service.mean
    if offered >= servers:
        return _ENDLESS
    probability = erlang_c(servers, offered)
    spread = (arrival_scv + service.scv) / 2
    return Waiting(probability, service.mean / (servers - offered) * spread)


def pollaczek_khinchine(rate: float, servers: int, service: Service, arrival_scv: float) -> Waiting:
    """Pollaczek-Khinchine: each worker queues for itself, as with a router that knows nothing.

    Splitting a stream at random makes it more like Poisson: its scv goes to one.
    """
    utilization = rate * service.mean / servers
    if utilization >= 1:
        return _ENDLESS
    spread = (1 + (arrival_scv - 1) / servers + service.scv) / 2
    return Waiting(utilization, service.mean / (1 - utilization) * spread)


def kraemer_langenbach_belz(
    rate: float, servers: int, service: Service, arrival_scv: float
) -> Waiting:
    """Kraemer and Langenbach-Belz: each worker queues for itself and gets every c-th prompt.

    The sum of c gaps varies less than one: its scv is that of the arrivals over c.
    """
    utilization = rate * service.mean / servers
    if utilization >= 1:
        return _ENDLESS
    gaps, work = arrival_scv / servers, service.scv
    if utilization * (gaps + work) < _NOTHING_SHARE**2:  # also where the product underflows
        return _NEVER
    if gaps <= 1:
        fewer = (1 + gaps + utilization * work) / (
            1 + utilization * (work - 1) + utilization**2 * (4 * gaps + work)
        )
        shorter = math.exp(
            -2 * (1 - utilization) * (1 - gaps) ** 2 / (3 * utilization * (gaps + work))
        )
    else:
        fewer = 4 * utilization / (gaps + utilization**2 * (4 * gaps + work))
        shorter = math.exp(-(1 - utilization) * (gaps - 1) / (gaps + 4 * work))
    probability = min(
        1.0, max(0.0, utilization + (gaps - 1) * utilization * (1 - utilization) * fewer)
    )
    mean = utilization * service.mean * (gaps + work) / (2 * (1 - utilization)) * shorter
    return Waiting(probability, mean / probability) if probability > 0 else _NEVER


def power_of_two(rate: float, servers: int, service: Service, arrival_scv: float) -> Waiting:
    """Each worker queues for itself and a prompt goes to the less loaded of two drawn at random.

    With two workers that is G/G/2. With very many a prompt waits behind
    rho^2 + rho^6 + rho^14... others (the supermarket model; rho is the utilization), and finds
    both busy with probability rho^2. Between the two it goes with one over the number of workers.
    """
    utilization = rate * service.mean / servers
    if utilization >= 1:
        return _ENDLESS
    if servers <= 2 or utilization == 0:
        return allen_cunneen(rate, servers, service, arrival_scv)
    of_two = 2 / servers
    probability = utilization**2 * (1 + of_two * (1 - utilization) / (1 + utilization))
    many = sum(utilization ** (2**i - 2) for i in range(2, 16))
    queued = many + of_two * (utilization**2 / (1 - utilization**2) - many)
    spread = (arrival_scv + service.scv) / 2
    return Waiting(probability, service.mean * queued * spread / probability)


def until_the_pass_ends(waiting: Waiting, utilization: float, share: float = 1.0) -> Waiting:
    """The same wait, and that for the prompts behind in the same pass.

    An engine computes all that wait in one pass, so a prompt is through when the last of them is.
    With utilization rho and a pass of residual R under way, a prompt waits W = R (1 + rho) for
    what came before it and rho R for what comes after, before the pass ends: rho / (1 + rho) of W
    more. `share` tells how much of that there is.
    """
    if utilization >= 1:
        return waiting
    longer = 1 + share * utilization / (1 + utilization)
    return Waiting(waiting.probability, waiting.seconds * longer)


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
