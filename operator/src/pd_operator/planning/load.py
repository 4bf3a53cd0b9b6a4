"""The load that a service is planned for, from a few figures or from requests as they came."""

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np

from pd_operator.demand import Demand, FloatArray, LengthDistribution
from pd_operator.planning.plan import PlanningError

PROMPT_CV, OUTPUT_CV = 0.96, 0.77
"""How much lengths vary where nobody measured it: standard deviation over mean of the Azure
conversation trace of 2023."""

LONGEST_TOKENS = 10_000_000
_POINTS = 200
_NORMAL = NormalDist()
_EDGES = (
    *(i / 50 for i in range(45)),
    *(0.9 + i / 200 for i in range(18)),
    *(0.99 + i / 1000 for i in range(10)),
    1.0,
)
"""Finer towards the tail, where the objectives' percentiles lie."""


@dataclass(frozen=True)
class Load:
    """What each pool has to carry; they differ where the busiest moments of the two do.

    `source` says in a few words where the figures come from.
    """

    prefill: Demand
    decode: Demand
    source: str

    @property
    def requests_per_second(self) -> float:
        """The higher of the two pools' rates."""
        return max(self.prefill.requests_per_second, self.decode.requests_per_second)


def steady_load(
    requests_per_second: float,
    prompt_tokens: float,
    output_tokens: float,
    *,
    prompt_cv: float = PROMPT_CV,
    output_cv: float = OUTPUT_CV,
    arrival_scv: float = 1.0,
) -> Load:
    """A load of mean figures: lognormal lengths, arrivals as given (1: Poisson).

    Raises `PlanningError` for a figure that makes no sense.
    """
    _expect("requests per second", requests_per_second, 0.0, 1e9)
    _expect("prompt tokens", prompt_tokens, 1.0, LONGEST_TOKENS)
    _expect("output tokens", output_tokens, 1.0, LONGEST_TOKENS)
    _expect("variation of prompt lengths", prompt_cv, 0.0, 100.0)
    _expect("variation of output lengths", output_cv, 0.0, 100.0)
    _expect("squared variation of arrivals", arrival_scv, 0.0, 10_000.0)
    demand = Demand(
        requests_per_second,
        lognormal_lengths(prompt_tokens, prompt_cv),
        lognormal_lengths(output_tokens, output_cv),
        arrival_scv=arrival_scv,
    )
    return Load(demand, demand, "given figures")


def lognormal_lengths(mean: float, cv: float) -> LengthDistribution:
    """Lognormal lengths of that mean and variation, as slices that sit at their own means."""
    if cv == 0:
        return LengthDistribution.constant(mean)
    sigma = math.sqrt(math.log1p(cv**2))
    inner = [_NORMAL.inv_cdf(edge) for edge in _EDGES[1:-1]]
    # Partial means of a lognormal: what lies below a quantile z holds Phi(z - sigma) of the mean.
    below = [0.0, *(_NORMAL.cdf(z - sigma) for z in inner), 1.0]
    weights = [high - low for low, high in pairwise(_EDGES)]
    held = [high - low for low, high in pairwise(below)]
    return LengthDistribution(
        tuple(mean * part / weight for part, weight in zip(held, weights, strict=True)),
        tuple(weights),
    )


@dataclass(frozen=True, eq=False)
class ArrivedRequests:
    """ArrivedRequests as they came: seconds, ascending, and tokens, shape (n,) each."""

    arrival_seconds: FloatArray
    prompt_tokens: FloatArray
    output_tokens: FloatArray

    def __post_init__(self) -> None:
        columns = (self.arrival_seconds, self.prompt_tokens, self.output_tokens)
        if len({len(column) for column in columns}) != 1:
            raise PlanningError("a trace has an arrival, a prompt and an output for each request")
        if len(self.arrival_seconds) < 2:
            raise PlanningError("a trace needs at least two requests")
        if not all(np.isfinite(column).all() for column in columns):
            raise PlanningError("a trace's figures are finite")
        if (self.prompt_tokens < 0).any() or (self.output_tokens < 0).any():
            raise PlanningError("a trace's tokens are at least 0")
        if not self.arrival_seconds[-1] > self.arrival_seconds[0]:
            raise PlanningError("a trace's requests must not all arrive at once")


def measured_load(requests: ArrivedRequests, window_seconds: float, percent: float) -> Load:
    """The load that `percent` of the trace's windows stay within, for each pool by itself.

    The windows of most prompt tokens size prefill, those of most output tokens decode: peaks of
    the two need not coincide. Lengths and the variation of arrivals are those of that window.
    """
    _expect("seconds of a window", window_seconds, 1.0, 1e9)
    _expect("percent of the windows", percent, 0.0, 100.0)
    windows = _windows(requests, window_seconds)
    prefill = _at_percent(windows, [float(w.prompt_tokens.sum()) for w in windows], percent)
    decode = _at_percent(windows, [float(w.output_tokens.sum()) for w in windows], percent)
    span = requests.arrival_seconds[-1] - requests.arrival_seconds[0]
    seconds = min(window_seconds, float(span))
    source = (
        f"the windows of {seconds:.0f} s that {percent:g} % of the trace's "
        f"{len(windows)} stay within"
    )
    return Load(demand_of(prefill, seconds), demand_of(decode, seconds), source)


def demand_of(requests: ArrivedRequests, seconds: float) -> Demand:
    """The demand of requests that came within so many seconds, all as measured."""
    prompt, output = requests.prompt_tokens, requests.output_tokens
    tokens = float(output.sum())
    context = float((prompt * output).sum() + (output**2).sum() / 2) / tokens if tokens else None
    return Demand(
        len(prompt) / seconds,
        LengthDistribution.from_samples(prompt, _POINTS),
        LengthDistribution.from_samples(output, _POINTS),
        context_tokens_mean=context,
        arrival_scv=gap_scv(requests.arrival_seconds),
    )


def gap_scv(arrival_seconds: FloatArray) -> float:
    """Squared coefficient of variation of the gaps between arrivals; 1 with too few to tell."""
    gaps = np.diff(arrival_seconds)
    if len(gaps) < 30 or not gaps.mean() > 0:
        return 1.0
    return float(gaps.var() / gaps.mean() ** 2)


def _windows(requests: ArrivedRequests, window_seconds: float) -> list[ArrivedRequests]:
    """Whole windows with at least two requests; the trace itself where it is no longer than one."""
    arrivals = requests.arrival_seconds
    edges = np.arange(arrivals[0], arrivals[-1], window_seconds)
    places = np.searchsorted(arrivals, edges)
    windows = [
        ArrivedRequests(arrivals[a:b], requests.prompt_tokens[a:b], requests.output_tokens[a:b])
        for a, b in pairwise(places)
        if b - a >= 2 and arrivals[b - 1] > arrivals[a]
    ]
    return windows or [requests]


def _at_percent(
    windows: list[ArrivedRequests], tokens: list[float], percent: float
) -> ArrivedRequests:
    ranked = sorted(range(len(windows)), key=lambda i: tokens[i])
    place = math.ceil(percent / 100 * len(ranked)) - 1
    return windows[ranked[max(0, place)]]


def _expect(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise PlanningError(f"{name}: expected {least:g} to {most:g}, found {value:g}")
