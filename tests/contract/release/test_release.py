"""`make release` without a network: what it makes installs and runs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.families import Program
from pd_e2e.cluster.registry import running_registry

ROOT = Path(__file__).parents[3]
TAG = "v9.8.7"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code as it lies here, committed and tagged in a repository of its own."""
    folder = tmp_path_factory.mktemp("clone") / "pd-operator"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    changelog = folder / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    told = f"## [Unreleased]\n\n## [{TAG[1:]}]\n\n- what is told of it\n\n## [0.0.1]\n"
    changelog.write_text(text.replace("## [Unreleased]\n", told, 1), encoding="utf-8")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"], ["tag", TAG]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    (folder / "operator" / "not-committed.py").write_text("", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def dist(clone: Path) -> Path:
    command = [sys.executable, "-m", "scripts.release", "--no-images"]
    subprocess.run(command, cwd=clone, check=True, env={**os.environ, "PYTHONPATH": str(clone)})
    return clone / "dist"


def test_everything_carries_the_tag_s_version(dist: Path) -> None:
    assert {path.name for path in dist.iterdir()} == {
        "SHA256SUMS",
        "chart-oci",
        "krew-pd.yaml",
        "kubectl-pd-9.8.7-linux-amd64.tar.gz",
        "pd-operator-9.8.7.tgz",
        "pd_operator-9.8.7-py3-none-any.whl",
        "pd_operator-9.8.7.tar.gz",
        "release-notes.md",
        "sbom.cdx.json",
    }
    assert (dist / "release-notes.md").read_text() == "- what is told of it\n"
    with tarfile.open(dist / "pd-operator-9.8.7.tgz") as tar:
        chart = tar.extractfile("pd-operator/Chart.yaml")
        assert chart is not None
        metadata = yaml.safe_load(chart.read())
    assert (metadata["version"], metadata["appVersion"]) == ("9.8.7", "9.8.7")
    assert "pd-operator/operator:9.8.7" in metadata["annotations"]["artifacthub.io/images"]


def test_what_is_not_committed_is_not_in_it(dist: Path) -> None:
    with tarfile.open(dist / "pd_operator-9.8.7.tar.gz") as tar:
        assert not [name for name in tar.getnames() if "not-committed" in name]
    with zipfile.ZipFile(dist / "pd_operator-9.8.7-py3-none-any.whl") as wheel:
        assert not [name for name in wheel.namelist() if name.startswith(("tests", "pd_e2e"))]


def test_every_file_has_its_checksum(dist: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=dist, check=True)
    told = {line.split()[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    files = {str(path.relative_to(dist)) for path in dist.rglob("*") if path.is_file()}
    assert told == files - {"SHA256SUMS"}


def test_the_bill_of_materials_names_what_the_operator_loads(dist: Path) -> None:
    bill = json.loads((dist / "sbom.cdx.json").read_text())
    assert bill["specVersion"] == "1.6"
    assert bill["metadata"]["component"]["version"] == "9.8.7"
    purls = {component["purl"] for component in bill["components"]}
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    (kopf,) = [line for line in pinned if line.startswith("kopf==")]
    assert f"pkg:pypi/{kopf.replace('==', '@')}" in purls
    assert not any("pytest" in purl for purl in purls)


@pytest.fixture(scope="module")
def installed_plugin(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the PATH, with the plug-in as krew puts it there: checked, and by a link."""
    folder = tmp_path_factory.mktemp("krew")
    manifest = yaml.safe_load((dist / "krew-pd.yaml").read_text())
    (platform,) = manifest["spec"]["platforms"]
    packed = dist / platform["uri"].rpartition("/")[2]
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == platform["sha256"]
    store = folder / "store" / "pd" / manifest["spec"]["version"]
    with tarfile.open(packed) as tar:
        tar.extractall(store, filter="data")
    (folder / "bin").mkdir()
    (folder / "bin" / "kubectl-pd").symlink_to(store / platform["bin"])
    return folder / "bin"


def kubectl_pd(
    binaries: Programs, plugin: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The plug-in, as kubectl finds it, with this Python and no library of this environment."""
    tools = plugin.parent / "tools"
    tools.mkdir(exist_ok=True)
    for tool in ("sh", "dirname", "readlink"):
        if not (tools / tool).exists():
            (tools / tool).symlink_to(str(shutil.which(tool)))
    if not (tools / "python3").exists():
        (tools / "python3").symlink_to(Path(sys.executable).resolve())
    return subprocess.run(
        [binaries[Program.KUBECTL], "pd", *arguments],
        env={"PATH": f"{plugin}:{tools}", "HOME": str(plugin.parent), **variables},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_the_plug_in_runs_from_its_archive(binaries: Programs, installed_plugin: Path) -> None:
    told = kubectl_pd(binaries, installed_plugin, "--help")
    assert told.returncode == 0, told.stderr
    assert "explain" in told.stdout
    flags = ("--profile=llama-3.1-8b-h100", "--ttft=800", "--tpot=40")
    plan = kubectl_pd(
        binaries, installed_plugin, "plan", *flags, "--rate=2", "--isl=500", "--osl=100"
    )
    assert plan.returncode == 0, plan.stderr
    assert "prefill" in plan.stdout


@pytest.mark.controlplane
def test_the_plug_in_asks_the_api_server(
    control_plane: ControlPlane, binaries: Programs, installed_plugin: Path
) -> None:
    kubeconfig = str(control_plane.commands.kubeconfig)
    told = kubectl_pd(binaries, installed_plugin, "explain", "absent", KUBECONFIG=kubeconfig)
    assert "absent" in told.stderr
    assert "Traceback" not in told.stderr


def test_without_a_python_it_says_which_one_is_needed(installed_plugin: Path) -> None:
    tools = installed_plugin.parent / "no-python"
    tools.mkdir()
    for tool in ("sh", "dirname", "readlink"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    told = subprocess.run(
        [installed_plugin / "kubectl-pd", "--help"],
        env={"PATH": str(tools)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert told.returncode == 1
    assert told.stderr == (
        f"error: kubectl pd needs Python {version} on the PATH; "
        "with another one: pip install 'pd-operator[cli]'\n"
    )


@pytest.fixture
def registry(binaries: Programs, tmp_path: Path) -> Iterator[str]:
    """A registry on loopback, as host:port."""
    with running_registry(binaries, tmp_path / "registry") as address:
        yield address


def push(layout: Path, repository: str) -> str:
    """Push an OCI image layout to a URL, as `crane push` does; returns its tag."""
    blobs = layout / "blobs" / "sha256"
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads((blobs / entry["digest"].partition(":")[2]).read_bytes())
    for part in (manifest["config"], *manifest["layers"]):
        upload = requests.post(f"{repository}/blobs/uploads/", timeout=30)
        content = (blobs / part["digest"].partition(":")[2]).read_bytes()
        stored = requests.put(
            upload.headers["Location"], params={"digest": part["digest"]}, data=content, timeout=30
        )
        assert stored.status_code == 201, stored.text
    tag = str(entry["annotations"]["org.opencontainers.image.ref.name"])
    stored = requests.put(
        f"{repository}/manifests/{tag}",
        data=json.dumps(manifest), headers={"Content-Type": entry["mediaType"]}, timeout=30,
    )  # fmt: skip
    assert stored.headers["Docker-Content-Digest"] == entry["digest"]
    return tag


@pytest.mark.controlplane
def test_the_chart_installs_from_a_registry_that_got_its_layout(
    control_plane: ControlPlane, dist: Path, registry: str, namespace: str
) -> None:
    version = push(dist / "chart-oci", f"http://{registry}/v2/charts/pd-operator")
    name = f"released-{namespace}"
    control_plane.helm(
        "install", name, f"oci://{registry}/charts/pd-operator", "--plain-http",
        f"--version={version}", f"--namespace={namespace}", "--set=crds.enabled=false",
    )  # fmt: skip
    try:
        said = control_plane.kubectl(
            *("get", "deployments", f"--namespace={namespace}", "--output=json")
        )
        deployment: dict[str, Any] = json.loads(said)["items"][0]
        (operator,) = deployment["spec"]["template"]["spec"]["containers"]
        assert operator["image"] == "pd-operator/operator:9.8.7"
    finally:
        control_plane.helm("uninstall", name, f"--namespace={namespace}")
