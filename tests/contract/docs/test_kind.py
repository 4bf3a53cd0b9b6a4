"""The steps of docs/kind.md, by the real kubectl and helm, on a real API server."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.actuation.children import build_children
from pd_operator.api.v1alpha1 import PDInferenceService

pytestmark = pytest.mark.controlplane

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "kind.md").read_text(encoding="utf-8")
COMMANDS = [
    " ".join(line.split())
    for block in re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]


def arguments(beginning: str) -> list[str]:
    """The words of the one command that begins so, without its first."""
    (command,) = [command for command in COMMANDS if command.startswith(beginning)]
    return shlex.split(command)[1:]


def in_the_repository(words: list[str]) -> list[str]:
    """The same, from wherever the tests run."""
    return [str(ROOT / word) if (ROOT / word).exists() else word for word in words]


@pytest.fixture
def node(control_plane: ControlPlane) -> Iterator[str]:
    """A node of kind's, as far as the API server knows of one."""
    core = client.CoreV1Api(control_plane.admin)
    name = "pd-worker"
    core.create_node(client.V1Node(metadata=client.V1ObjectMeta(name=name)))
    core.patch_node_status(name, {"status": {"capacity": {"cpu": "1"}}})
    yield name
    core.delete_node(name)


def test_the_nodes_get_their_gpus(control_plane: ControlPlane, node: str) -> None:
    block = TEXT[TEXT.index("for node in") : TEXT.index("done\n```")]
    patch = " ".join(block[block.index("kubectl") :].replace("\\\n", " ").split())
    control_plane.kubectl(*shlex.split(patch.replace("$node", node))[1:])
    stored = json.loads(control_plane.kubectl("get", "node", node, "--output=json"))
    assert stored["status"]["capacity"]["nvidia.com/gpu"] == "8"


def test_every_flag_is_one_of_the_program_s(control_plane: ControlPlane) -> None:
    helm = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("helm ")]
    kubectl = [shlex.split(command)[1:] for command in COMMANDS if command.startswith("kubectl ")]
    assert len(helm) == 3
    assert len(kubectl) >= 4
    for command in helm:
        control_plane.helm(*command, "--help")
    for command in kubectl:
        at = command.index("--command") if "--command" in command else len(command)
        control_plane.kubectl(*command[:at], "--help")
    with pytest.raises(CommandError, match="unknown flag"):
        control_plane.helm("install", "--no-such-flag", "--help")


def test_the_chart_installs_with_the_image_that_was_loaded(control_plane: ControlPlane) -> None:
    install = in_the_repository(arguments("helm install pd-operator"))
    # The CRD belongs to the cluster, which other tests share.
    control_plane.helm(*install, "--set=crds.enabled=false,fullnameOverride=of-kind")
    namespace = f"--namespace={install[install.index('-n') + 1]}"
    try:
        stored = json.loads(
            control_plane.kubectl("get", "deployment", "of-kind", namespace, "--output=json")
        )
        (operator,) = stored["spec"]["template"]["spec"]["containers"]
        loaded = arguments("kind load docker-image")
        assert operator["image"] in loaded
        assert operator["imagePullPolicy"] == "IfNotPresent", "a loaded image is not pulled"
        environment = {one["name"]: one.get("value") for one in operator["env"]}
        assert environment["PD_OPERATOR_WORKER_TABLE_IMAGE"] in loaded
    finally:
        control_plane.helm("uninstall", install[1], namespace)


def test_the_service_is_taken_and_the_load_is_meant_for_it(
    api: ControlPlane, namespace: str
) -> None:
    at = f"--namespace={namespace}"
    eventually(lambda: api.kubectl(*in_the_repository(arguments("kubectl apply")), at))
    shown = arguments("kubectl get pdis")
    assert shown[-1] == "-w"
    name = shown[2]
    stored: dict[str, Any] = json.loads(api.kubectl(*shown[:-1], at, "--output=json"))
    service = PDInferenceService.parse(stored)
    engines = [
        container["image"]
        for child in build_children(service, operator_image="pd-operator/operator")
        if child["kind"] == "Deployment"
        for container in child["spec"]["template"]["spec"]["containers"]
        if container["name"] == "engine"
    ]
    assert set(engines) <= set(arguments("kind load docker-image"))

    load = arguments("kubectl run load")
    assert load[load.index("--model") + 1] == service.spec.model.name_for_clients
    addresses = [
        f"http://{child['metadata']['name']}:{port['port']}"
        for child in build_children(service, operator_image="pd-operator/operator")
        if child["kind"] == "Service" and child["metadata"]["name"] == name
        for port in child["spec"]["ports"]
    ]
    assert load[load.index("--url") + 1] in addresses
    command = load.index("--command")
    pod = json.loads(
        api.kubectl(*load[:command], at, "--dry-run=server", "--output=json", *load[command:])
    )
    (container,) = pod["spec"]["containers"]
    assert container["image"] in arguments("kind load docker-image")
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["command"][:3] == ["python", "-m", "pd_e2e.loadgen"]
