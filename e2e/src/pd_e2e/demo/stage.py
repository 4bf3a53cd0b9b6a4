"""The stage of the demo: what must stand before the load is played, as a user puts it there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.autoscaling import RoleFlips
from pd_operator.api.names import ROUTER_PORT, ServiceKey, pool_name, router_name
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

REPOSITORY = Path(__file__).resolve().parents[4]
CHART = REPOSITORY / "charts" / "pd-operator"
RULES = CHART / "rules" / "pd-operator.yaml"
OVERLAY = REPOSITORY / "e2e" / "demo"
OPERATOR_NAMESPACE = "pd-operator-system"
SERVICE = ServiceKey("default", "chat")


class Stage:
    """The operator and the demo's service in a running cluster."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    def install_chart(self) -> None:
        """Install the operator, and wait until it is ready."""
        self._control_plane.helm(
            "install",
            "pd-operator",
            str(CHART),
            f"--namespace={OPERATOR_NAMESPACE}",
            "--create-namespace",
            # Two cores have no room for a second pod that stands by.
            "--set=log.format=text,replicas=1",
            "--wait",
            "--timeout=120s",
        )

    def manifest(self) -> dict[str, Any]:
        """The example with the demo's overlay."""
        manifest: dict[str, Any] = yaml.safe_load(
            self._control_plane.kubectl("kustomize", str(OVERLAY))
        )
        return manifest

    def apply_service(
        self,
        manifest: dict[str, Any],
        prometheus_url: str,
        forecast_model: str,
        *,
        season_seconds: int,
        role_flips: RoleFlips = RoleFlips.DISABLED,
    ) -> None:
        """Apply the service, pointed at the demo's Prometheus and told how long a day is."""
        spec = manifest["spec"]
        spec["metrics"]["prometheusUrl"] = prometheus_url
        spec["autoscaling"]["roleFlips"] = role_flips.value
        spec["autoscaling"]["forecast"] |= {
            "model": forecast_model,
            "seasonSeconds": season_seconds,
        }
        self._control_plane.kubectl("apply", "-f", "-", input_text=yaml.safe_dump(manifest))

    def service(self) -> PDInferenceService:
        """The service as it is now."""
        return PDInferenceService.parse(self._get("pdis", SERVICE.name))

    def apply(self, manifests: Sequence[dict[str, Any]]) -> None:
        """Apply manifests as they are."""
        self._control_plane.kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all(manifests))

    def await_workers(self, timeout_seconds: float = 180) -> None:
        """Wait until the router and the fewest workers of both pools are ready."""
        eventually(self._serves, timeout_seconds=timeout_seconds)

    def router_url(self) -> str:
        """Where clients send requests: the pod, as Services have no loopback endpoints."""
        selector = f"serving.pd-operator.io/service={SERVICE.name}"
        pods = self._get("pods", f"--selector={selector},serving.pd-operator.io/role=router")
        return f"http://{pods['items'][0]['status']['podIP']}:{ROUTER_PORT}"

    def _serves(self) -> bool:
        spec = self.service().spec
        wanted = {pool_name(SERVICE.name, role): spec.pool(role).min_replicas for role in Role}
        wanted[router_name(SERVICE.name)] = spec.router.replicas
        return all(self._ready_replicas(name) >= least for name, least in wanted.items())

    def _ready_replicas(self, deployment: str) -> int:
        status = self._get("deployment", deployment).get("status", {})
        return int(status.get("readyReplicas", 0))

    def _get(self, *what: str) -> dict[str, Any]:
        text = self._control_plane.kubectl("get", *what, f"-n={SERVICE.namespace}", "-o=json")
        found: dict[str, Any] = json.loads(text)
        return found
