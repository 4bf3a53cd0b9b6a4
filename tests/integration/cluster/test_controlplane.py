"""The embedded control plane is a real one, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from kubernetes import client

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.families import FAMILIES
from pd_e2e.cluster.waiting import eventually

pytestmark = pytest.mark.controlplane


def processes_mentioning(text: str) -> list[str]:
    """Return command lines of living processes that contain `text`, other than this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if text in command:
                found.append(command)
    return found


def test_the_apiserver_serves_the_version_that_go_mod_pins(control_plane: ControlPlane) -> None:
    pinned = next(family.version for family in FAMILIES if family.name == "kubernetes")
    assert client.VersionApi(control_plane.admin).get_code().git_version == pinned


def test_a_service_account_has_no_right_that_rbac_did_not_give(
    control_plane: ControlPlane, namespace: str
) -> None:
    kubeconfig = control_plane.kubeconfig_for(namespace, "default")
    as_account = (f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", "get", "pods")
    with pytest.raises(CommandError, match="forbidden"):
        control_plane.kubectl(*as_account)

    rules = ("create", "rolebinding", "reads", "--clusterrole=view")
    control_plane.kubectl(
        *rules, f"--serviceaccount={namespace}:default", f"--namespace={namespace}"
    )
    eventually(lambda: control_plane.kubectl(*as_account) == "")


def test_the_apiserver_comes_back_on_its_port_with_its_data(
    binaries: Programs, tmp_path: Path
) -> None:
    with ControlPlane(binaries, tmp_path) as own:
        own.kubectl("create", "configmap", "kept", "--from-literal=a=b")
        own.stop_apiserver()
        with pytest.raises(CommandError, match="refused"):
            own.kubectl("get", "configmap", "kept")
        own.start_apiserver()
        assert own.kubectl("get", "configmap", "kept", "--output=jsonpath={.data.a}") == "b"


def fail_while_it_runs(control_plane: ControlPlane) -> None:
    with control_plane:
        assert len(processes_mentioning(str(control_plane.directory))) == 4
        raise RuntimeError("the body failed")


def test_a_control_plane_leaves_no_process_behind_when_the_body_raises(
    binaries: Programs, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="the body failed"):
        fail_while_it_runs(ControlPlane(binaries, tmp_path))
    assert processes_mentioning(str(tmp_path)) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_control_plane_leaves_no_process_behind_when_its_owner_is_killed(
    binaries: Programs, tmp_path: Path, number: signal.Signals
) -> None:
    script = textwrap.dedent("""
        import signal, sys, time
        from pathlib import Path
        from pd_e2e.cluster.binaries import ensure_programs
        from pd_e2e.cluster.controlplane import ControlPlane
        # Tests that a shell runs in the background are born deaf to it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with ControlPlane(ensure_programs(), Path(sys.argv[1])):
            print("up", flush=True)
            time.sleep(600)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "cluster")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        owner.send_signal(number)
    eventually(lambda: processes_mentioning(f"{tmp_path}/cluster") == [])
