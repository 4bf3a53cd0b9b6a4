"""Who sizes the pools in NVIDIA's replay, on which load."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scripts.nvidia_replay.loads import MIX_SHIFT, SINE, SINE_WITH_PAST, STARTUP_SECONDS
from scripts.nvidia_replay.replay import Replayed, Stage, replay
from scripts.policy_lab.scenarios import Scenario

from pd_operator.api.router import PrefillPolicy
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.performance import load_bundled
from pd_operator.simulation import Pools
from pd_operator.simulation.operator_policy import OperatorPolicy
from pd_operator.simulation.past import history_before
from pd_operator.simulation.scraping import Scraped


@dataclass(frozen=True)
class Play:
    """One contestant on one load.

    - `figure`: what its figures are called; `words`: for the page.
    - `fixed`: pools that stay as they are; None: pd-operator sizes them.
    - `router`: what its spec says of the router's choice of a prefill worker.
    """

    figure: str
    words: str
    scenario: Scenario
    fixed: Pools | None = None
    router: PrefillPolicy = PrefillPolicy.ROUND_ROBIN


@dataclass(frozen=True)
class Minute:
    """One minute of a replay: requests that came, those missed, workers at its end."""

    requests: int
    missed: int
    prefill_wanted: int
    decode_wanted: int
    prefill_serving: int
    decode_serving: int


@dataclass(frozen=True)
class Outcome:
    """What a play came to with one seed: share of all requests within both objectives, GPU-hours.

    `minutes` are none where the pools were fixed.
    """

    share: float
    gpu_hours: float
    minutes: tuple[Minute, ...]


SINE_PLAY = Play("nvidia_sine", "pd-operator, new service", SINE)
PLAYS = (
    Play("nvidia_sine_fixed_4_3", "fixed, 4 prefill and 3 decode", SINE, Pools(4, 3)),
    Play("nvidia_sine_fixed_5_3", "fixed, 5 prefill and 3 decode", SINE, Pools(5, 3)),
    SINE_PLAY,
    Play("nvidia_sine_known", "pd-operator, half an hour of history", SINE_WITH_PAST),
    Play(
        "nvidia_sine_other_router",
        "pd-operator, new service, told of another router",
        SINE,
        router=PrefillPolicy.POWER_OF_TWO,
    ),
    Play("nvidia_mix_fixed_5_2", "fixed, 5 prefill and 2 decode", MIX_SHIFT, Pools(5, 2)),
    Play("nvidia_mix", "pd-operator, new service", MIX_SHIFT),
)


def played(play: Play, seed: int, python: str) -> Outcome:
    """Play one in Dynamo's replay; `python` has ai-dynamo."""
    scenario = play.scenario
    stage = Stage(
        requests=scenario.requests(seed),
        worker=load_bundled(scenario.site.profile).surfaces(1),
        startup_seconds=STARTUP_SECONDS,
        begin=play.fixed or scenario.begin,
        python=python,
    )
    policy = None if play.fixed else _operator(play, seed)
    found = replay(stage, policy)
    minutes = tuple(_minutes(found, scenario)) if policy else ()
    return Outcome(found.share(scenario.objectives), found.gpu_hours, minutes)


def _operator(play: Play, seed: int) -> Scraped:
    """pd-operator behind honest scrapes, with what Prometheus would have of the time before."""
    scenario, spec = play.scenario, _spec(play)
    history, step = None, float(spec.autoscaling.forecast.resolution_seconds)
    if scenario.past:
        past = scenario.past(np.random.default_rng([seed, 2]))
        history = history_before(past, int(scenario.past_seconds // step), step)
    policy = OperatorPolicy(spec, scenario.engine(STARTUP_SECONDS), history)
    return Scraped(policy, scenario.scraping, seed=seed, holds_when_blind=False)


def _spec(play: Play) -> PDInferenceServiceSpec:
    spec = play.scenario.spec(STARTUP_SECONDS)
    router = spec.router.model_copy(update={"prefill_policy": play.router})
    return spec.model_copy(update={"router": router})


def _minutes(found: Replayed, scenario: Scenario) -> Iterator[Minute]:
    numbers = (found.arrival_seconds // 60).astype(np.int64)
    came = np.bincount(numbers)
    missed = np.bincount(numbers, weights=~found.met(scenario.objectives))
    at_end = {int(size.time_seconds // 60): size for size in reversed(found.sizes)}
    for number, requests in enumerate(came.tolist()):
        size = at_end.get(number + 1, found.sizes[-1])
        yield Minute(
            requests=requests,
            missed=int(missed[number]),
            prefill_wanted=size.prefill_wanted,
            decode_wanted=size.decode_wanted,
            prefill_serving=size.prefill_serving,
            decode_serving=size.decode_serving,
        )
