"""Which Prometheus a command asks, where it is given none."""

from pathlib import Path
from typing import Any, cast

import pytest

from pd_operator.actuation.cluster import Cluster, ClusterError
from pd_operator.actuation.kinds import DEPLOYMENT, Kind
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.prometheus_from_here import FLAG, prometheus_of

from .services import a_service

CHART = Path(__file__).parents[3] / "charts" / "pd-operator"
RUN_BY = {"operator": "ops/pd-operator", "renewTime": "2026-12-01T07:00:00Z"}
ADDRESS = "http://prometheus-operated.monitoring:9090"


class Answering:
    """An API server with one Deployment, or an error."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def get(self, kind: Kind, namespace: str, name: str) -> Any:
        assert (kind, namespace, name) == (DEPLOYMENT, "ops", "pd-operator")
        if isinstance(self._answer, ClusterError):
            raise self._answer
        return self._answer


def deployment(*arguments: str) -> dict[str, Any]:
    sidecar, operator = {"name": "proxy"}, {"name": "operator", "args": ["run", *arguments]}
    return {"spec": {"template": {"spec": {"containers": [sidecar, operator]}}}}


def nameless(**status: Any) -> PDInferenceService:
    """A service that names no Prometheus."""
    service = a_service(**status)
    metrics = service.spec.metrics.model_copy(update={"prometheus_url": None})
    spec = service.spec.model_copy(update={"metrics": metrics})
    return service.model_copy(update={"spec": spec})


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (deployment("--log-level", "info", FLAG, ADDRESS), ADDRESS),
        (deployment("--log-level", "info"), None),
        (deployment(FLAG), None),
        ({}, None),
        (None, None),
        (ClusterError(403, "deployments is forbidden"), None),
    ],
)
def test_a_service_that_names_none_is_read_where_its_operator_reads_it(
    answer: Any, found: str | None
) -> None:
    cluster = cast("Cluster", Answering(answer))
    assert prometheus_of(cluster, nameless(managedBy=RUN_BY), None) == found


def test_what_is_given_goes_before_what_the_service_names_and_that_before_the_operators() -> None:
    nobody = cast("Cluster", Answering(AssertionError()))
    named = a_service(managedBy=RUN_BY)
    assert prometheus_of(nobody, named, "http://here:1") == "http://here:1"
    assert prometheus_of(nobody, named, None) == named.spec.metrics.prometheus_url
    assert prometheus_of(nobody, nameless(), None) is None, "nobody runs it"


def test_the_chart_gives_the_operator_its_address_by_this_flag() -> None:
    template = (CHART / "templates" / "deployment.yaml").read_text(encoding="utf-8")
    assert f"- {FLAG}\n            - {{{{ . | quote }}}}" in template
