"""After the CRD was away, edits are heard again at once, from a real API server."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.actuation.cluster import Cluster
from pd_operator.api.names import ServiceKey
from pd_operator.controller.registry import Registry
from pd_operator.controller.watch import ServiceList, Watch, relist

pytestmark = pytest.mark.controlplane

REPOSITORY = Path(__file__).resolve().parents[3]
CRD = REPOSITORY / "crds" / "serving.pd-operator.io_pdinferenceservices.yaml"
WATCH_ENDED = "Watcher for pdinferenceservices.v1alpha1.serving.pd-operator.io"
"""How Kopf's last word begins about a watch that has failed."""
EXAMPLE = yaml.safe_load((REPOSITORY / "examples" / "pdservice.yaml").read_text())


async def until(holds: Callable[[], bool], within_seconds: float) -> None:
    await asyncio.to_thread(eventually, holds, within_seconds)


async def test_edits_are_heard_again_after_the_crd_was_away(
    control_plane: ControlPlane,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The client reads KUBECONFIG once, when it is imported; Kopf borrows its configuration.
    location = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(location, str(control_plane.kubeconfig))
    registry, listed = Registry(), asyncio.Event()
    watch = Watch(registry, [namespace])
    services = ServiceList(Cluster(control_plane.admin), [namespace])
    key = ServiceKey(namespace, "chat")

    def apply_service() -> None:
        text = yaml.safe_dump(EXAMPLE)
        control_plane.kubectl("apply", "-n", namespace, "-f", "-", input_text=text)

    await asyncio.to_thread(control_plane.serve_crds, CRD)
    await asyncio.to_thread(apply_service)
    works = [
        asyncio.create_task(watch.run()),
        asyncio.create_task(relist(registry, services, listed, watch)),
    ]
    try:
        await until(lambda: watch.hearing.hears(key), within_seconds=60)
        assert watch.hearing.fault() is None

        await asyncio.to_thread(control_plane.kubectl, "delete", "-f", str(CRD))
        await until(lambda: key not in registry, within_seconds=60)
        # A CRD that is back before Kopf asks again would mend the watch by itself.
        await until(lambda: WATCH_ENDED in caplog.text, within_seconds=60)
        await asyncio.to_thread(control_plane.serve_crds, CRD)
        await asyncio.to_thread(apply_service)
        await until(lambda: watch.hearing.hears(key), within_seconds=60)

        uid = registry.entry(key).resource["metadata"]["uid"]
        edit = '{"spec": {"decode": {"maxReplicas": 9}}}'
        await asyncio.to_thread(
            control_plane.kubectl,
            *("patch", "pdis", "chat", "-n", namespace, "--type=merge", f"--patch={edit}"),
        )
        # By the watch: the next LIST is further away.
        heard = registry.entry(key).resource
        await until(
            lambda: registry.entry(key).resource["spec"]["decode"]["maxReplicas"] == 9,
            within_seconds=10,
        )
        assert heard["metadata"]["uid"] == uid
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
