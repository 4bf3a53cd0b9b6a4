"""A PDInferenceService as its owner sees it: applied and edited, its status, pods and router."""

import json
from collections.abc import Mapping
from typing import Any

import requests
from kubernetes import client

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.conditions import Condition, ConditionType, find_condition
from pd_operator.api.names import (
    API_VERSION,
    ENGINE_PORT,
    GROUP,
    KIND,
    LABEL_ROLE,
    LABEL_SERVICE,
    PLURAL,
    ROLE_ROUTER,
    ROUTER_PORT,
    VERSION,
    pool_name,
)
from pd_operator.api.pods import holds, takes_traffic, terminating
from pd_operator.api.roles import Role
from pd_operator.api.status import PDInferenceServiceStatus, PoolStatus
from pd_operator.api.v1alpha1 import PDInferenceService

Json = dict[str, Any]

NAME = "chat"
MODEL = "model"
PERIOD_SECONDS = 2


def manifest(prometheus_url: str, **changes: Any) -> Json:
    """A small service of simulated engines that start in a second; `changes` go over its spec."""
    pool = {
        "maxReplicas": 3,
        "expectedStartupSeconds": 5,
        "drainDeadlineSeconds": 60,
        "terminationGracePeriodSeconds": 30,
        "template": template(),
    }
    spec = {
        "model": {"path": "org/model", "servedName": MODEL},
        "engine": {
            "image": "pd-operator/engine-simulator",
            "args": ["--stream-interval", "4"],
            "profile": {"name": "llama-3.1-8b-l40s"},
        },
        "objectives": {"ttft": {"milliseconds": 1000}, "tpot": {"milliseconds": 30}},
        "prefill": pool,
        "decode": pool,
        "autoscaling": {
            "periodSeconds": PERIOD_SECONDS,
            "forecast": {"quantilePercent": 60, "historyDays": 1, "resolutionSeconds": 5},
            "behavior": {
                "scaleDown": {
                    "stabilizationWindowSeconds": 4,
                    "policies": [{"type": "Pods", "value": 3, "periodSeconds": 2}],
                }
            },
        },
        "metrics": {"prometheusUrl": prometheus_url, "scrapeIntervalSeconds": 1},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": NAME},
        "spec": merged(spec, changes),
    }


def template(**environment: str) -> Json:
    """A pool's pod template that sets the simulator's environment."""
    settings = {
        "PD_ENGINE_PROFILE": "llama-3.1-8b-l40s",
        "PD_ENGINE_STARTUP_SECONDS": "1",
        "PD_ENGINE_SIGTERM_POLL_SECONDS": "0.2",
        **environment,
    }
    env = [{"name": name, "value": value} for name, value in settings.items()]
    return {"spec": {"containers": [{"name": "engine", "env": env}]}}


def merged(base: Json, changes: Mapping[str, Any]) -> Json:
    """`changes` over `base`, map by map."""
    result = dict(base)
    for key, new in changes.items():
        old = result.get(key)
        deeper = isinstance(old, dict) and isinstance(new, Mapping)
        result[key] = merged(old or {}, new) if deeper else new
    return result


class RunningService:
    """The service `chat` of one namespace."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.namespace = namespace
        self._control_plane = control_plane
        self._core = client.CoreV1Api(control_plane.admin)
        self._custom = client.CustomObjectsApi(control_plane.admin)

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        return self._control_plane.kubectl(
            *arguments, f"--namespace={self.namespace}", input_text=input_text
        )

    def apply(self, resource: Json) -> None:
        self.kubectl("apply", "--filename=-", input_text=json.dumps(resource))

    def edit(self, **changes: Any) -> None:
        """Merge `changes` into the spec; None removes a field."""
        patch = json.dumps({"spec": changes})
        self.kubectl("patch", "pdis", NAME, "--type=merge", f"--patch={patch}")

    def resource(self) -> PDInferenceService:
        found: Any = self._custom.get_namespaced_custom_object(
            GROUP, VERSION, self.namespace, PLURAL, NAME
        )
        return PDInferenceService.parse(found)

    @property
    def status(self) -> PDInferenceServiceStatus:
        return self.resource().status

    def pool_status(self, role: Role) -> PoolStatus:
        status = self.status
        pool = status.prefill if role is Role.PREFILL else status.decode
        if pool is None:
            raise AssertionError(f"the status has no {role} pool yet")
        return pool

    def condition(self, kind: ConditionType) -> Condition:
        found = find_condition(self.status.conditions, kind)
        if found is None:
            raise AssertionError(f"the status has no condition {kind} yet")
        return found

    def await_condition(
        self, kind: ConditionType, status: str, reason: str, timeout_seconds: float = 40
    ) -> Condition:
        def said() -> Condition | None:
            found = self.condition(kind)
            return found if (found.status, found.reason) == (status, reason) else None

        found = eventually(said, timeout_seconds)
        if found is None:
            raise AssertionError("eventually returns what is true")
        return found

    def await_workers(self, timeout_seconds: float = 60, **ready: int) -> None:
        """Wait until the router has so many ready workers of these roles, and Ready is True."""
        eventually(lambda: self._serves(ready), timeout_seconds)

    def await_fewest_workers(self) -> None:
        """Wait until there is what a new service begins with."""
        spec = self.resource().spec
        self.await_workers(**{role.value: spec.pool(role).min_replicas for role in Role})

    def _serves(self, wanted: Mapping[str, int]) -> bool:
        serving = self.routed()
        counts = {role: list(serving.values()).count(role) for role in wanted}
        return counts == wanted and self.condition(ConditionType.READY).status == "True"

    def get(self, kind: str, name: str) -> Json:
        found: Json = json.loads(self.kubectl("get", kind, name, "--output=json"))
        return found

    def replicas(self, role: Role) -> int:
        return int(self.get("deployment", pool_name(NAME, role))["spec"]["replicas"])

    def pods(self, role: str) -> dict[str, Json]:
        """The pods of a role that are not being deleted, by name."""
        selector = f"{LABEL_SERVICE}={NAME},{LABEL_ROLE}={role}"
        found = self._core.list_namespaced_pod(self.namespace, label_selector=selector)
        items = self._core.api_client.sanitize_for_serialization(found)["items"]
        return {pod["metadata"]["name"]: pod for pod in items if not terminating(pod)}

    def ready_pods(self, role: str) -> dict[str, Json]:
        return {name: pod for name, pod in self.pods(role).items() if holds(pod, "Ready")}

    def draining(self, role: Role) -> list[str]:
        """Names of the workers that have been taken off traffic."""
        return [name for name, pod in self.pods(role).items() if not takes_traffic(pod)]

    def workers(self) -> set[str]:
        """Names of all workers: what must not change when nothing may happen to them."""
        return {name for role in Role for name in self.pods(role)}

    def events(self, reason: str) -> list[str]:
        """Messages of the Events about the service with that reason."""
        selector = f"involvedObject.name={NAME},reason={reason}"
        found = self._core.list_namespaced_event(self.namespace, field_selector=selector)
        return [event.message or "" for event in found.items]

    @property
    def router_url(self) -> str:
        pods = self.ready_pods(ROLE_ROUTER).values()
        return f"http://{next(iter(pods))['status']['podIP']}:{ROUTER_PORT}"

    def routed(self) -> dict[str, str]:
        """Role by engine URL of the workers that the router sends requests to."""
        listed = requests.get(f"{self.router_url}/workers", timeout=5).json()["workers"]
        return {w["url"]: w["worker_type"] for w in listed if w["status"] == "ready"}

    def engine_url(self, role: Role, pod: str) -> str:
        return f"http://{self.pods(role)[pod]['status']['podIP']}:{ENGINE_PORT}"

    def running_requests(self, role: Role, pod: str) -> int:
        """What the engine itself says of the requests that it works on."""
        load = requests.get(f"{self.engine_url(role, pod)}/v1/loads", timeout=5).json()
        return int(load["loads"][0]["num_running_reqs"])

    def await_busy_decodes(self, requests: int = 1) -> None:
        """Wait until every decode works on so many requests at least."""
        eventually(
            lambda: all(
                self.running_requests(Role.DECODE, pod) >= requests
                for pod in self.pods(Role.DECODE)
            )
        )

    def break_engine(self, role: Role, pod: str, **fault: Any) -> None:
        """Switch one of the simulator's faults on."""
        url = f"{self.engine_url(role, pod)}/pd_engine/fault"
        requests.post(url, json=fault, timeout=5).raise_for_status()
