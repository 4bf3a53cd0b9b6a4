"""What happens to a service: its engine, its objectives, its load before and during the trial.

Every scenario has a form for training, on which settings may be sought, and one for the test:
other days of a trace, other periods, lengths and seeds. Loads follow from their seed alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scripts.policy_lab.loads import (
    Lengths,
    blended_lengths,
    drawn_arrivals,
    hours,
    squeezed_days,
    steady_lengths,
)

from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import FloatArray
from pd_operator.performance import load_bundled
from pd_operator.planning.engine import EngineModel
from pd_operator.planning.objectives import Objectives
from pd_operator.simulation import Pools, Requests, ServiceModel
from pd_operator.simulation.from_spec import engine_of, service_of
from pd_operator.simulation.scraping import Scraping

_BEGIN = Pools(2, 2)
Split = Literal["train", "test"]
Draw = Callable[[np.random.Generator], Requests]

STARTUPS_SECONDS = (60, 120)
_MINUTE = 60.0

HONEST = Scraping(interval_seconds=5.0, delay_seconds=1.0, missed_share=0.02)
"""A scrape each five seconds, of which one in fifty fails."""


@dataclass(frozen=True)
class Site:
    """Where a load is served: a bundled profile, objectives in milliseconds, workers at most."""

    profile: str
    ttft_milliseconds: int
    tpot_milliseconds: int
    most_workers: int = 10


@dataclass(frozen=True)
class Scenario:
    """One load on one service.

    - `draw`: the requests of the trial, from a generator of random numbers.
    - `past`: those of the `past_seconds` before it, as Prometheus would know them; None for a
      service without a past.
    - `scraping`: how its metrics reach a policy.
    - `cluster_gpus`: all that the cluster gives; None: always enough.
    """

    name: str
    split: Split
    site: Site
    draw: Draw
    past: Draw | None = None
    past_seconds: float = 0.0
    begin: Pools = _BEGIN
    scraping: Scraping = HONEST
    cluster_gpus: int | None = None

    def requests(self, seed: int) -> Requests:
        """The load of the trial."""
        return self.draw(np.random.default_rng([seed, 1]))

    def spec(self, startup_seconds: int) -> PDInferenceServiceSpec:
        """The service as its owner would describe it: all else is the API's default."""
        pool = {
            "minReplicas": 1,
            "maxReplicas": self.site.most_workers,
            "expectedStartupSeconds": startup_seconds,
        }
        return PDInferenceServiceSpec.model_validate(
            {
                "model": {"path": "lab/model"},
                "engine": {"profile": {"name": self.site.profile}},
                "objectives": {
                    "ttft": {"milliseconds": self.site.ttft_milliseconds},
                    "tpot": {"milliseconds": self.site.tpot_milliseconds},
                },
                "prefill": pool,
                "decode": pool,
                "metrics": {"prometheusUrl": "http://prometheus:9090"},
            }
        )

    def service(self, startup_seconds: int) -> ServiceModel:
        """The simulated service."""
        service = service_of(self.spec(startup_seconds), load_bundled(self.site.profile))
        return replace(
            service, lifecycle=replace(service.lifecycle, cluster_gpus=self.cluster_gpus)
        )

    def engine(self, startup_seconds: int) -> EngineModel:
        """What one worker of each role can do."""
        return engine_of(self.spec(startup_seconds), load_bundled(self.site.profile))

    @property
    def objectives(self) -> Objectives:
        """The latencies promised."""
        return Objectives.of(self.spec(STARTUPS_SECONDS[0]).objectives)

    @property
    def most(self) -> Pools:
        """The largest pools."""
        return Pools(self.site.most_workers, self.site.most_workers)


_NVIDIA = Site("llama-3.1-8b-h200", 200, 10)
_MIXED = Site("llama-3.1-8b-h200", 500, 12)
_MIXED_LARGE = Site("qwen3-32b-h200", 2000, 25)
_CONVERSATION = Site("qwen3-32b-h200", 1000, 25)
_CODE = Site("qwen3-32b-h200", 2000, 40)


def scenarios(split: Split) -> tuple[Scenario, ...]:
    """All scenarios of one split."""
    return _TEST if split == "test" else _TRAIN


def scenario(name: str, split: Split) -> Scenario:
    """One by name; `KeyError` says which there are."""
    known = {one.name: one for one in scenarios(split)}
    if name not in known:
        raise KeyError(f"no scenario is called {name!r}; there are {', '.join(known)}")
    return known[name]


def _sine(period_seconds: float, span_seconds: float, low: float, high: float) -> Draw:
    """NVIDIA's load generator: from `low` to `high` requests/s and back, 3000/300 tokens."""

    def rate(moments: FloatArray) -> FloatArray:
        return low + (high - low) / 2 * (1 - np.cos(2 * np.pi * moments / period_seconds))

    def draw(rng: np.random.Generator) -> Requests:
        return steady_lengths(drawn_arrivals(rate, span_seconds, rng), Lengths(3000, 300), rng)

    return draw


def _level_change(
    low: float, high: float, seconds: tuple[float, float], span_seconds: float
) -> Draw:
    """From `low` to `high` requests/s between two moments, which may be one; 3000/300 tokens."""
    begin, end = seconds

    def rate(moments: FloatArray) -> FloatArray:
        if begin == end:
            return np.where(moments < begin, low, high)
        return np.interp(moments, seconds, (low, high))

    def draw(rng: np.random.Generator) -> Requests:
        arrivals = drawn_arrivals(rate, span_seconds, rng)
        return steady_lengths(arrivals, Lengths(3000, 300, 0.3), rng)

    return draw


def _mix_shift(
    one: Lengths, other: Lengths, rate: float, moving_seconds: float, steps: tuple[float, ...]
) -> Draw:
    """A constant rate whose lengths go from `one` to `other` and back.

    `steps`: seconds until the shift begins, until the way back begins, and until the end.
    """
    there, back, end = steps

    def share(moments: FloatArray) -> FloatArray:
        if moving_seconds == 0:
            return np.where((moments >= there) & (moments < back), 1.0, 0.0)
        corners = (there, there + moving_seconds, back, back + moving_seconds)
        return np.interp(moments, corners, (0.0, 1.0, 1.0, 0.0))

    def draw(rng: np.random.Generator) -> Requests:
        arrivals = drawn_arrivals(lambda at: np.full_like(at, rate), end, rng)
        return blended_lengths(arrivals, one, other, share(arrivals), rng)

    return draw


def _bursts(
    rate: float, heights: tuple[float, float], apart_seconds: float, span_seconds: float
) -> Draw:
    """A steady load with spikes of 60 s at moments that nothing announces.

    Gaps between spikes are exponential around `apart_seconds`, at least two minutes; heights are
    drawn evenly, as multiples of `rate`.
    """

    def draw(rng: np.random.Generator) -> Requests:
        begins, at = [], 0.0
        while (at := at + 2 * _MINUTE + rng.exponential(apart_seconds - 2 * _MINUTE)) < (
            span_seconds - _MINUTE
        ):
            begins.append(at)
        tall = rng.uniform(*heights, len(begins))

        def rates(moments: FloatArray) -> FloatArray:
            level = np.full_like(moments, rate)
            for begin, height in zip(begins, tall, strict=True):
                level[(moments >= begin) & (moments < begin + _MINUTE)] = rate * height
            return level

        arrivals = drawn_arrivals(rates, span_seconds, rng)
        return steady_lengths(arrivals, Lengths(3000, 300, 0.5), rng)

    return draw


def _squeezed(service: str, first: int, last: int) -> Draw:
    return lambda rng: squeezed_days(service, (first, last), _SQUEEZE, _SQUEEZED_SHARE, rng)


def _hours(service: str, begin_hour: float, end_hour: float, share: float) -> Draw:
    return lambda rng: hours(service, begin_hour, end_hour, share, rng)


_SQUEEZE, _SQUEEZED_SHARE = 16.0, 0.5
_DAY = 86_400.0
_CHAT, _REPORT = Lengths(1000, 600, 0.3), Lengths(6000, 100, 0.3)
_READ, _WRITE = Lengths(4000, 60, 0.3), Lengths(500, 1000, 0.3)
_READ_ON, _WRITE_ON = Lengths(3000, 80, 0.3), Lengths(400, 1200, 0.3)
_SHORT, _LONG = Lengths(500, 400, 0.3), Lengths(4000, 150, 0.3)
_SHIFTS = (10 * _MINUTE, 25 * _MINUTE, 40 * _MINUTE)
_CODE_SHARE = 1 / 5

_TEST = (
    Scenario("nvidia-sine", "test", _NVIDIA, _sine(600, 1800, 5, 45)),
    Scenario("mix-shift", "test", _MIXED, _mix_shift(_CHAT, _REPORT, 25, 0, _SHIFTS)),
    Scenario("mix-swap", "test", _MIXED_LARGE, _mix_shift(_READ, _WRITE, 8, 0, _SHIFTS)),
    Scenario("mix-ramp", "test", _MIXED_LARGE, _mix_shift(_CHAT, _REPORT, 6, 300, _SHIFTS)),
    Scenario(
        "conversation-day",
        "test",
        _CONVERSATION,
        _squeezed("conv", 3, 3),
        past=_squeezed("conv", 0, 2),
        past_seconds=3 * _DAY / _SQUEEZE,
    ),
    Scenario(
        "code-morning",
        "test",
        _CODE,
        _hours("code", 3 * 24 + 12, 3 * 24 + 15, _CODE_SHARE),
        past=_hours("code", 12, 3 * 24 + 12, _CODE_SHARE),
        past_seconds=60 * 3600.0,
    ),
    Scenario("bursts", "test", _MIXED, _bursts(8, (3, 5), 300, 2400)),
    Scenario("step-x4", "test", _NVIDIA, _level_change(6, 24, (600, 600), 1200)),
    Scenario("slow-ramp", "test", _NVIDIA, _level_change(4, 24, (300, 1500), 1800)),
    Scenario(
        "prometheus-away",
        "test",
        _NVIDIA,
        _sine(1200, 1200, 4, 24),
        scraping=replace(HONEST, away=((240.0, 420.0),)),
    ),
    Scenario("capacity-short", "test", _NVIDIA, _sine(1200, 1200, 4, 24), cluster_gpus=5),
)

_TRAIN = (
    Scenario("nvidia-sine", "train", _NVIDIA, _sine(900, 2700, 4, 36)),
    Scenario("mix-shift", "train", _MIXED, _mix_shift(_SHORT, _LONG, 30, 0, _SHIFTS)),
    Scenario("mix-swap", "train", _MIXED_LARGE, _mix_shift(_READ_ON, _WRITE_ON, 9, 0, _SHIFTS)),
    Scenario("mix-ramp", "train", _MIXED_LARGE, _mix_shift(_SHORT, _LONG, 8, 420, _SHIFTS)),
    Scenario(
        "conversation-day",
        "train",
        _CONVERSATION,
        _squeezed("conv", 1, 1),
        past=_squeezed("conv", 0, 0),
        past_seconds=_DAY / _SQUEEZE,
    ),
    Scenario(
        "code-morning",
        "train",
        _CODE,
        _hours("code", 12, 15, _CODE_SHARE),
        past=_hours("code", 0, 12, _CODE_SHARE),
        past_seconds=12 * 3600.0,
    ),
    Scenario("bursts", "train", _MIXED, _bursts(6, (3, 6), 360, 2400)),
    Scenario("step-x4", "train", _NVIDIA, _level_change(5, 20, (480, 480), 1080)),
    Scenario("slow-ramp", "train", _NVIDIA, _level_change(6, 30, (200, 1200), 1500)),
    Scenario(
        "prometheus-away",
        "train",
        _NVIDIA,
        _sine(1500, 1500, 5, 22),
        scraping=replace(HONEST, away=((300.0, 450.0),)),
    ),
    Scenario("capacity-short", "train", _NVIDIA, _sine(1500, 1500, 5, 22), cluster_gpus=5),
)
