"""Looks at the service while the load is played, as any user with kubectl and Prometheus could."""

import math
import time
from collections.abc import Mapping
from typing import Any
from urllib.request import urlopen

from kubernetes import client
from prometheus_client.parser import text_string_to_metric_families

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.demo.stage import OPERATOR_NAMESPACE, SERVICE
from pd_e2e.demo.timeline import Band, ForecastSample, PoolSample, TimelineSample
from pd_operator.api.names import GROUP, LABEL_SERVICE, PLURAL, VERSION
from pd_operator.api.pods import Pod, holds, takes_traffic, terminating, worker_role
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.telemetry.switching import home_role

OPERATOR_PORT = 8080
TIMEOUT_SECONDS = 5.0

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


class Watcher:
    """Samples the pods, the resource's status and the operator's own metrics."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._core = client.CoreV1Api(control_plane.admin)
        self._custom = client.CustomObjectsApi(control_plane.admin)

    def look(self) -> TimelineSample:
        """One sample. Raises whatever the API server or the operator answers badly with."""
        now = time.time()
        pods = self.pods()
        metrics = self._operator_metrics()
        decision = self.service().status.last_decision
        return TimelineSample(
            unix_seconds=now,
            prefill=_pool(Role.PREFILL, pods, metrics),
            decode=_pool(Role.DECODE, pods, metrics),
            prefill_forecast=_forecast(Role.PREFILL, metrics),
            decode_forecast=_forecast(Role.DECODE, metrics),
            reason=decision.reason if decision else "",
            sentence=decision.message if decision else "",
            role_flips=_role_flips(metrics),
        )

    def service(self) -> PDInferenceService:
        """The resource as it is now."""
        found: Any = self._custom.get_namespaced_custom_object(
            GROUP, VERSION, SERVICE.namespace, PLURAL, SERVICE.name
        )
        return PDInferenceService.parse(found)

    def pods(self) -> list[Pod]:
        """All pods of the service."""
        return self._pods(SERVICE.namespace, f"{LABEL_SERVICE}={SERVICE.name}")

    def _pods(self, namespace: str, selector: str) -> list[Pod]:
        found = self._core.list_namespaced_pod(namespace, label_selector=selector)
        # As the API writes it: the operator's own readers of pods take it in that form.
        items: list[Pod] = self._core.api_client.sanitize_for_serialization(found)["items"]
        return items

    def _operator_metrics(self) -> Samples:
        pods = self._pods(OPERATOR_NAMESPACE, "app.kubernetes.io/name=pd-operator")
        address = next(pod["status"]["podIP"] for pod in pods if holds(pod, "Ready"))
        url = f"http://{address}:{OPERATOR_PORT}/metrics"
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            text = answer.read().decode()
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def _value(metrics: Samples, name: str, **labels: str) -> float | None:
    whose = {"namespace": SERVICE.namespace, "service": SERVICE.name}
    value = metrics.get((f"pd_operator_{name}", frozenset({**whose, **labels}.items())))
    return None if value is None or math.isnan(value) else value


def _pool(role: Role, pods: list[Pod], metrics: Samples) -> PoolSample:
    own = [pod for pod in pods if worker_role(pod) is role and pod["spec"].get("nodeName")]
    serving = [p for p in own if holds(p, "Ready") and takes_traffic(p) and not terminating(p)]
    wanted = _value(metrics, "workers", role=role.value, state="wanted")
    return PoolSample(
        desired=len(own) if wanted is None else round(wanted),
        current=len(own),
        ready=len(serving),
        flipped=sum(home_role(pod) is role.other for pod in own),
    )


def _role_flips(metrics: Samples) -> int:
    switched = {"result": "RoleSwitched"}
    counts = (_value(metrics, "role_flips_total", role=role.value, **switched) for role in Role)
    return round(sum(count or 0.0 for count in counts))


def _forecast(role: Role, metrics: Samples) -> ForecastSample | None:
    made = _value(metrics, "last_tick_timestamp_seconds")
    horizon = _value(metrics, "forecast_horizon_seconds", role=role.value)
    requests = _band(metrics, "forecast_requests_per_second", role)
    tokens = _band(metrics, "forecast_tokens_per_second", role)
    if made is None or horizon is None or requests is None or tokens is None:
        return None
    return ForecastSample(made, horizon, requests, tokens)


def _band(metrics: Samples, name: str, role: Role) -> Band | None:
    by_quantile: dict[float, float] = {}
    for (sample, labels), value in metrics.items():
        named: dict[str, Any] = dict(labels)
        if sample == f"pd_operator_{name}" and named.get("role") == role.value:
            by_quantile[float(named["percentile"]) / 100] = value
    values = [by_quantile[quantile] for quantile in sorted(by_quantile)]
    if len(values) < 2 or any(map(math.isnan, values)):
        return None
    return Band(low=values[0], median=by_quantile[0.5], high=values[-1])
