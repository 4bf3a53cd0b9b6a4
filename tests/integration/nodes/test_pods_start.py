"""A pod on a process node starts, and becomes ready, as on any node."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.cluster import Cluster

pytestmark = pytest.mark.controlplane

Json = dict[str, Any]
RunPod = Callable[..., None]
ReadPod = Callable[..., Json]

SLEEP = {"command": ["sleep", "600"]}
SERVE = {
    "command": ["python3", "-m", "http.server", "8000", "--bind", "$(POD_IP)"],
    "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    "ports": [{"name": "http", "containerPort": 8000}],
}


def condition(pod: Json, kind: str) -> str:
    return next(str(c["status"]) for c in pod["status"]["conditions"] if c["type"] == kind)


@pytest.mark.parametrize(
    "probe", [{"httpGet": {"path": "/", "port": "http"}}, {"tcpSocket": {"port": 8000}}]
)
def test_a_server_on_its_own_address_becomes_ready(
    run_pod: RunPod, read_pod: ReadPod, probe: Json
) -> None:
    run_pod({**SERVE, "readinessProbe": {**probe, "periodSeconds": 1}})
    eventually(lambda: condition(read_pod(), "Ready") == "True")
    status = read_pod()["status"]
    assert status["phase"] == "Running"
    assert status["podIP"].startswith("127.")
    assert status["podIP"] != status["hostIP"]


def test_readiness_follows_its_probe_and_waits_for_the_startup_probe(
    run_pod: RunPod, main_status: ReadPod, read_pod: ReadPod, tmp_path: Path
) -> None:
    def probe(file: str) -> Json:
        command = ["test", "-e", f"/signals/{file}"]
        return {"exec": {"command": command}, "periodSeconds": 1, "failureThreshold": 1}

    run_pod(
        {
            **SLEEP,
            "startupProbe": {**probe("started"), "failureThreshold": 1000},
            "readinessProbe": probe("ready"),
            "volumeMounts": [{"name": "signals", "mountPath": "/signals"}],
        },
        volumes=[{"name": "signals", "hostPath": {"path": str(tmp_path)}}],
    )
    (tmp_path / "ready").touch()
    eventually(lambda: "running" in main_status()["state"])
    assert not main_status()["started"]
    assert not main_status()["ready"]

    (tmp_path / "started").touch()
    eventually(lambda: main_status()["started"] and main_status()["ready"])
    assert condition(read_pod(), "ContainersReady") == "True"

    (tmp_path / "ready").unlink()
    eventually(lambda: condition(read_pod(), "Ready") == "False")
    assert main_status()["restartCount"] == 0


def test_gpus_bind_and_the_pod_too_many_waits_for_one_to_end(
    cluster: Cluster,
    namespace: str,
    run_pod: RunPod,
    read_pod: ReadPod,
    event_reasons: Callable[..., set[str]],
) -> None:
    def runs(name: str) -> bool:
        return bool(read_pod(name)["status"]["phase"] == "Running")

    whole_node = {**SLEEP, "resources": {"limits": {"nvidia.com/gpu": 8}}}
    names = ("fits-0", "fits-1", "fits-2")
    for name in names:
        run_pod(whole_node, name=name)
    eventually(lambda: all(map(runs, names)))
    run_pod(whole_node, name="waits")
    eventually(lambda: "FailedScheduling" in event_reasons("waits"))
    pod = read_pod("waits")
    assert pod["status"]["phase"] == "Pending"
    assert "Insufficient nvidia.com/gpu" in pod["status"]["conditions"][0]["message"]

    cluster.control_plane.kubectl("delete", "pod", "fits-1", f"--namespace={namespace}")
    eventually(lambda: runs("waits"))


def test_configuration_and_the_downward_api_reach_the_process(
    cluster: Cluster,
    namespace: str,
    run_pod: RunPod,
    read_pod: ReadPod,
    output: Callable[..., str],
) -> None:
    here = f"--namespace={namespace}"
    kubectl = cluster.control_plane.kubectl
    kubectl("create", "configmap", "settings", here, "--from-literal=color=blue")
    kubectl("create", "secret", "generic", "keys", here, "--from-literal=password=hunter2")
    script = (
        "import json, os, sys; "
        "print(json.dumps({'env': dict(os.environ), 'argv': sys.argv[1:], "
        "'file': open('/etc/settings/color').read()}), flush=True); "
        "import time; time.sleep(600)"
    )
    field = {"fieldRef": {"fieldPath": "metadata.labels['app']"}}
    run_pod(
        {
            "command": ["python3", "-c", script],
            "args": ["--listen=$(ADDRESS):1", "--config=/etc/settings/color", "$$(ADDRESS)"],
            "env": [
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "ADDRESS", "value": "http://$(IP)"},
                {"name": "APP", "valueFrom": field},
                {
                    "name": "PASSWORD",
                    "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}},
                },
            ],
            "envFrom": [{"prefix": "FROM_", "configMapRef": {"name": "settings"}}],
            "volumeMounts": [{"name": "settings", "mountPath": "/etc/settings"}],
        },
        volumes=[{"name": "settings", "configMap": {"name": "settings"}}],
    )
    seen = eventually(lambda: json.loads(output()))
    ip = read_pod()["status"]["podIP"]
    assert seen["env"]["ADDRESS"] == f"http://{ip}"
    assert seen["env"]["APP"] == "pod"
    assert seen["env"]["PASSWORD"] == "hunter2"
    assert seen["env"]["FROM_color"] == "blue"
    assert seen["file"] == "blue"
    assert seen["argv"][0] == f"--listen=http://{ip}:1"
    assert Path(seen["argv"][1].removeprefix("--config=")).read_text() == "blue"
    assert seen["argv"][2] == "$(ADDRESS)"


def test_a_missing_configmap_holds_the_container_back_until_it_is_there(
    cluster: Cluster, namespace: str, run_pod: RunPod, main_status: ReadPod
) -> None:
    source = {"configMapKeyRef": {"name": "late", "key": "color"}}
    run_pod({**SLEEP, "env": [{"name": "COLOR", "valueFrom": source}]})
    eventually(lambda: main_status()["state"]["waiting"]["reason"] == "CreateContainerConfigError")
    cluster.control_plane.kubectl(
        "create", "configmap", "late", f"--namespace={namespace}", "--from-literal=color=red"
    )
    eventually(lambda: "running" in main_status()["state"])


def test_the_service_account_reaches_the_process_with_no_more_rights_than_it_has(
    cluster: Cluster, namespace: str, run_pod: RunPod, output: Callable[..., str]
) -> None:
    script = (
        "import time\n"
        "from kubernetes import client, config\n"
        "config.load_kube_config()\n"
        "while True:\n"
        "    try:\n"
        f"        pods = client.CoreV1Api().list_namespaced_pod('{namespace}').items\n"
        "        print('sees', *[pod.metadata.name for pod in pods], flush=True)\n"
        "    except client.ApiException as error:\n"
        "        print('refused', error.status, flush=True)\n"
        "    time.sleep(0.2)\n"
    )
    run_pod({"command": ["python3", "-c", script]})
    eventually(lambda: "refused 403" in output())
    cluster.control_plane.kubectl(
        "create",
        "rolebinding",
        "reads",
        "--clusterrole=view",
        f"--serviceaccount={namespace}:default",
        f"--namespace={namespace}",
    )
    eventually(lambda: "sees pod" in output())


def test_a_pod_that_declines_its_service_account_gets_no_kubeconfig(
    run_pod: RunPod, output: Callable[..., str]
) -> None:
    run_pod(
        {"command": ["sh", "-c", 'echo "kubeconfig:${KUBECONFIG:-none}"; sleep 600']},
        automountServiceAccountToken=False,
    )
    eventually(lambda: "kubeconfig:none" in output())


def test_an_unknown_image_is_reported_as_a_kubelet_does(
    run_pod: RunPod, main_status: ReadPod, event_reasons: Callable[..., set[str]]
) -> None:
    run_pod({**SLEEP, "image": "nowhere/nothing:v1"})
    eventually(lambda: main_status()["state"]["waiting"]["reason"] == "ErrImagePull")
    eventually(lambda: main_status()["state"]["waiting"]["reason"] == "ImagePullBackOff")
    eventually(lambda: event_reasons() >= {"Failed", "BackOff"})


def test_init_containers_run_before_and_sidecars_beside_the_main_one(
    run_pod: RunPod, read_pod: ReadPod, output: Callable[..., str]
) -> None:
    def init(name: str, command: str, **more: Any) -> Json:
        script = ["sh", "-c", command]
        mounts = [{"name": "shared", "mountPath": "/shared"}]
        return {"name": name, "image": "python", "command": script, "volumeMounts": mounts, **more}

    ready = {"exec": {"command": ["test", "-e", "/shared/up"]}, "periodSeconds": 1}
    run_pod(
        {
            "command": ["sh", "-c", "cat /shared/*; sleep 600"],
            "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
        },
        initContainers=[
            init("first", "echo prepared > /shared/a"),
            init(
                "beside",
                "echo sidecar > /shared/up; sleep 600",
                restartPolicy="Always",
                startupProbe=ready,
            ),
        ],
        volumes=[{"name": "shared", "emptyDir": {}}],
    )
    eventually(lambda: condition(read_pod(), "Ready") == "True")
    assert eventually(output) == "prepared\nsidecar\n"
    first, beside = read_pod()["status"]["initContainerStatuses"]
    assert first["state"]["terminated"]["reason"] == "Completed"
    assert "running" in beside["state"]


def test_kubectl_logs_shows_what_the_container_writes(
    cluster: Cluster, namespace: str, run_pod: RunPod
) -> None:
    run_pod({"command": ["sh", "-c", "echo one; echo two; sleep 600"]})
    logs = ("logs", "pod", f"--namespace={namespace}")
    eventually(lambda: cluster.control_plane.kubectl(*logs) == "one\ntwo\n")
    assert cluster.control_plane.kubectl(*logs, "--tail=1") == "two\n"
