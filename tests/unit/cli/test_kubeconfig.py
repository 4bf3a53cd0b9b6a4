"""A kubeconfig that is missing or broken: one line on stderr that names it, nothing on stdout."""

import json
import os
from pathlib import Path

import pytest
from kubernetes.config import incluster_config
from typer.testing import CliRunner

from pd_operator.actuation import kubeconfig
from pd_operator.cli.kubectl_pd import app
from pd_operator.cli.operator import app as operator

GOOD = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: me, user: {}}]
"""

HTTPS = GOOD.replace("http:", "https:")

BROKEN = {
    "no YAML": ("{", "is no YAML"),
    "empty": ("", "Invalid kube-config"),
    "a list": ("[1, 2]", "is no kubeconfig"),
    "a sentence": ("This is no kubeconfig.", "is no kubeconfig"),
    "no context": (GOOD.replace("current-context: here", ""), "Expected key current-context"),
    "a missing context": (GOOD.replace("context: here\n", "context: there\n"), "with name there"),
    "no cluster": (GOOD.replace("clusters: [{name: here", "clusters: [{name: x"), "with name here"),
    "a missing key": (
        HTTPS.replace("user: {}", "user: {client-certificate: /nowhere.pem, client-key: /no.key}"),
        "/nowhere.pem",
    ),
    "a missing authority": (
        HTTPS.replace("{server", "{certificate-authority: /nowhere.pem, server"),
        "/nowhere.pem",
    ),
    "a key that is no certificate": (
        HTTPS.replace("user: {}", "user: {client-certificate-data: AAAA, client-key-data: AAAA}"),
        "",
    ),
    "data that is no base64": (
        HTTPS.replace("user: {}", "user: {client-certificate-data: a, client-key-data: b}"),
        "base64",
    ),
    "no credential plugin": (
        GOOD.replace(
            "user: {}",
            "user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, "
            "interactiveMode: Never}}",
        ),
        "no-such-plugin",
    ),
    "binary": ("\x00\x01", "is no YAML"),
    "an unreachable server": (GOOD, "127.0.0.1"),
}


@pytest.fixture(autouse=True)
def _nobody_s_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


COMMANDS = (
    ("explain", "chat"),
    ("plan", "chat"),
    ("backtest", "chat"),
    ("profile", "measure", "chat"),
)


def refusal(*arguments: str) -> str:
    """The one line that a command which cannot reach a cluster ends with."""
    done = CliRunner().invoke(app, list(arguments))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_kubeconfig_it_is_said(command: tuple[str, ...]) -> None:
    assert "there is no kubeconfig: KUBECONFIG is not set" in refusal(*command)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_kubeconfig_that_is_not_there_is_named(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["/nowhere/a", "/nowhere/b"]))
    assert "names no file that exists: /nowhere/a, /nowhere/b" in refusal(*command)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_kubeconfig_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, said = BROKEN[kind]
    path = tmp_path / "broken"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert said in refusal("explain", "chat")


def test_a_folder_is_no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path))
    assert f"kubeconfig {tmp_path} cannot be read: Is a directory" in refusal("explain", "chat")


def test_a_context_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "good"
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(path))
    assert "Expected object with name elsewhere" in refusal(
        "explain", "chat", "--context", "elsewhere"
    )


def test_of_several_files_those_that_exist_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "good"
    path.write_text(GOOD, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["/nowhere", str(path)]))
    assert "127.0.0.1" in refusal("explain", "chat")


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--listen=127.0.0.1:0"),
        ("worker-table", "--service=chat", "--namespace=team", "--output=/nowhere/workers.json"),
    ],
)
def test_operator_and_sidecar_say_so_in_their_logs(
    command: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    done = CliRunner().invoke(operator, command)
    assert (done.exit_code, done.stdout) == (1, "")
    [line] = (done.stderr or capfd.readouterr().err).splitlines()
    told = json.loads(line)
    assert told["level"] == "critical"
    assert "no way to the API server: there is no kubeconfig" in told["message"]


def test_a_pod_connects_by_its_service_account_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The client's own way to tell a pod from elsewhere prints a line on each connection."""
    for name, text in (("token", "secret"), ("ca.crt", "authority"), ("namespace", "team\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(kubeconfig, "POD_NAMESPACE", tmp_path / "namespace")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    connection = kubeconfig.read_connection()
    assert connection.settings.host == "https://10.0.0.1:443"
    assert connection.namespace == "team"
    assert capfd.readouterr() == ("", "")
