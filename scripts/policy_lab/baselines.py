"""The others' ways to size pools, at their usual settings, as an owner would set them up.

Each docstring under `pd_operator.simulation.policies` names its source. Where a setting hangs on
the load, its means over the whole trial are taken, which no owner knows so well beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from scripts.policy_lab.trial import Setting

from pd_operator.api.autoscaling import PlanningMethod
from pd_operator.simulation import Policy, Pools
from pd_operator.simulation.policies.dynamo_planner import DynamoLoad, DynamoPredictive, Predictor
from pd_operator.simulation.policies.horizontal_pod_autoscaler import (
    HorizontalPodAutoscaler,
    Metric,
    in_flight,
    kv_use,
    waiting_tokens,
)
from pd_operator.simulation.policies.ratio_band import RatioBand
from pd_operator.simulation.policies.token_rates import HeteroScale, TokenScale
from pd_operator.simulation.policies.windowed_plan import WindowedPlan
from pd_operator.simulation.policies.worker_capacity import WorkerCapacity

_FEWEST = Pools(1, 1)
_INTERVAL_SECONDS = 60.0
"""Of predictive planners: their defaults reach from 10 to 180 s, and one start-up is usual."""

_BAND = 2.0
"""A ratio band reaches from the pressure test's ratio over this to the ratio times this."""


@dataclass(frozen=True)
class Known:
    """What an owner knows: what a worker carries, and mean lengths."""

    capacity: WorkerCapacity
    most: Pools
    prompt_tokens: float
    output_tokens: float

    @classmethod
    def of(cls, setting: Setting) -> "Known":
        """Of a setting."""
        scenario, requests = setting.scenario, setting.requests
        engine = scenario.engine(setting.startup_seconds)
        return cls(
            WorkerCapacity(engine, scenario.objectives),
            scenario.most,
            float(requests.prompt_tokens.mean()),
            float(requests.output_tokens.mean()),
        )

    @property
    def batch(self) -> int:
        """The largest decode batch within the objective."""
        return self.capacity.decode_batch(self.prompt_tokens + self.output_tokens / 2)


def hpa(setting: Setting, prompts: float = 1.5, batch_share: float = 0.7) -> Policy:
    """HorizontalPodAutoscaler on the requests in flight: prompts, and a share of the batch."""
    known = Known.of(setting)
    return HorizontalPodAutoscaler(
        Metric(in_flight, prompts),
        Metric(in_flight, max(1.0, batch_share * known.batch)),
        _FEWEST,
        known.most,
    )


def keda(setting: Setting, share_of_objective: float = 0.65, kv: float = 0.8) -> Policy:
    """KEDA on prompt tokens in flight over a worker's rate, and on KV use.

    The rule of llm-d's guide (llm-d PR 2466): what may wait is a share of the objective, less the
    prompt's own time.
    """
    known = Known.of(setting)
    own = known.capacity.prompt_seconds(known.prompt_tokens)
    spare = known.capacity.objectives.ttft.seconds - own
    waiting_seconds = max(0.05, share_of_objective * spare)
    return HorizontalPodAutoscaler(
        Metric(waiting_tokens, waiting_seconds * known.prompt_tokens / own),
        Metric(kv_use, kv),
        _FEWEST,
        known.most,
    )


def kthena(setting: Setting) -> Policy:
    """The same HorizontalPodAutoscaler within a band around the ratio of a pressure test."""
    known = Known.of(setting)
    ratio = known.capacity.workers_per_decode(known.prompt_tokens, known.output_tokens)
    return RatioBand(hpa(setting), ratio / _BAND, ratio * _BAND, known.most)


def dynamo_predictive(setting: Setting, predictor: Predictor) -> Policy:
    """Dynamo's planner, throughput scaling."""
    known = Known.of(setting)
    return DynamoPredictive(known.capacity, known.most, predictor, _INTERVAL_SECONDS)


def dynamo_load(setting: Setting) -> Policy:
    """Dynamo's planner, load scaling for latency objectives."""
    known = Known.of(setting)
    return DynamoLoad(known.capacity, known.most)


def dynamo_hybrid(setting: Setting) -> Policy:
    """Both: predictive is the floor."""
    known = Known.of(setting)
    floor = DynamoPredictive(
        known.capacity, known.most, Predictor.CONSTANT, interval_seconds=_INTERVAL_SECONDS
    )
    return DynamoLoad(known.capacity, known.most, floor)


def windowed(setting: Setting, method: PlanningMethod) -> Policy:
    """A sizing method of the literature on the last interval."""
    known = Known.of(setting)
    return WindowedPlan(
        method,
        known.capacity.engine,
        known.capacity.objectives,
        known.most,
        interval_seconds=_INTERVAL_SECONDS,
    )


def token_scale(setting: Setting) -> Policy:
    """TokenScale without convertible decoders."""
    known = Known.of(setting)
    return TokenScale(known.capacity, known.most)


def hetero_scale(setting: Setting) -> Policy:
    """HeteroScale at the ratio of the trial's mean lengths."""
    known = Known.of(setting)
    return HeteroScale(known.capacity, known.most, known.prompt_tokens, known.output_tokens)


BASELINES: dict[str, Callable[[Setting], Policy]] = {
    "hpa-in-flight": hpa,
    "keda-token-backlog": keda,
    "kthena-ratio-band": kthena,
    "dynamo-constant": partial(dynamo_predictive, predictor=Predictor.CONSTANT),
    "dynamo-kalman": partial(dynamo_predictive, predictor=Predictor.KALMAN),
    "dynamo-load": dynamo_load,
    "dynamo-hybrid": dynamo_hybrid,
    "dopd-as-published": partial(windowed, method=PlanningMethod.DOPD_AS_PUBLISHED),
    "dopd-corrected": partial(windowed, method=PlanningMethod.DOPD),
    "slo-aware-window": partial(windowed, method=PlanningMethod.SLO_AWARE),
    "token-scale": token_scale,
    "hetero-scale": hetero_scale,
}
"""Makers of policies, by name."""
