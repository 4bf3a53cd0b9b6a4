"""The share of requests that met the objectives, from the engines' own histograms."""

from dataclasses import dataclass

from pd_operator.api.conditions import ConditionReason
from pd_operator.api.roles import Role
from pd_operator.planning.objectives import Objectives
from pd_operator.scaling.observation import Attainment
from pd_operator.telemetry import promql
from pd_operator.telemetry.connection import PrometheusError
from pd_operator.telemetry.queries import Query, ServiceQueries
from pd_operator.telemetry.template import Edge, Template


@dataclass(frozen=True)
class Share:
    """Requests of the window within one objective, out of those measured."""

    within: float
    measured: float

    @property
    def value(self) -> float:
        """Between 0 and 1."""
        return min(1.0, self.within / self.measured)

    @property
    def missed(self) -> float:
        """Requests that were not within the objective."""
        return max(0.0, self.measured - self.within)


def read_attainment(queries: ServiceQueries, objectives: Objectives) -> tuple[Attainment, float]:
    """Attainment and the age of its newest sample; raises `PrometheusError`.

    Exact per objective, because the operator makes each objective an edge of the engines'
    buckets.
    """
    queries.ask_ahead(_usual_queries(queries, objectives))
    ttft = _share(queries, objectives.ttft.seconds, promql.WITHIN_TTFT, promql.MEASURED_TTFT)
    if ttft is None:
        raise PrometheusError(
            ConditionReason.NO_REQUESTS,
            f"no streamed request got its first token in the last {queries.window_seconds:g} s "
            f"on a worker with a bucket edge at {objectives.ttft.seconds:g} s",
        )
    tpot = _share(queries, objectives.tpot.seconds, promql.WITHIN_TPOT, promql.MEASURED_TPOT)
    if tpot is None and queries.number(promql.TOKEN_GAPS):
        raise PrometheusError(
            ConditionReason.NO_SERIES,
            "tokens were generated, and no worker tells the time per output token with a bucket "
            f"edge at {objectives.tpot.seconds:g} s: SGLang 0.5.22 and newer do, by "
            "--bucket-inter-token-latency",
        )
    # Answers of one token have no time per output token, and so cannot miss it.
    attainment = joint_attainment(ttft, tpot or Share(within=0.0, measured=0.0))
    return attainment, queries.age_seconds(promql.DECODE_REQUESTS, Role.DECODE) or 0.0


def _usual_queries(queries: ServiceQueries, objectives: Objectives) -> list[Query]:
    """What is asked of a service that has a load."""
    ttft, tpot = ({"edge": Edge(one.seconds)} for one in (objectives.ttft, objectives.tpot))
    return [
        *(Query(one, ttft) for one in (promql.MEASURED_TTFT, promql.WITHIN_TTFT)),
        *(Query(one, tpot) for one in (promql.MEASURED_TPOT, promql.WITHIN_TPOT)),
        queries.newest(promql.DECODE_REQUESTS, Role.DECODE),
    ]


def joint_attainment(ttft: Share, tpot: Share) -> Attainment:
    """Attainment from both shares.

    The histograms do not tell which requests missed which objective. Both were met by at least
    the requests that the two sets of misses leave over, were they disjoint (Bonferroni), and by
    at most those that the larger set leaves over, were one within the other.
    """
    total = ttft.measured
    missed = (ttft.missed, min(tpot.missed, total))
    return Attainment(
        ttft=ttft.value,
        tpot=tpot.value if tpot.measured else 1.0,
        joint_low=max(0.0, 1.0 - sum(missed) / total),
        joint_high=1.0 - max(missed) / total,
        requests=total,
    )


def _share(
    queries: ServiceQueries, edge_seconds: float, within: Template, measured: Template
) -> Share | None:
    """None where nothing was measured."""
    edge = Edge(edge_seconds)
    total = queries.number(measured, edge=edge)
    if not total:
        return None
    return Share(queries.number(within, edge=edge) or 0.0, total)
