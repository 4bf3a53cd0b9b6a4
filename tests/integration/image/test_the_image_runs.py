"""Chart, image, running operator: the image is built, pushed, pulled, and its files are what runs.

Needs buildah and debootstrap (Debian's packages of these names) and root, for a build without
Docker and a base without a registry. Takes minutes.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.registry import running_registry
from pd_e2e.cluster.waiting import eventually
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
BASE, RUNTIME = "localhost/python-base:3.11", "localhost/python-runtime:3.11"
NAME = "pd-operator/operator:of-a-test"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BUILD = {**os.environ, "BUILDAH_ISOLATION": "chroot"}


def run(*command: str | Path, **variables: str) -> str:
    """What a command of the build says; its errors go to the test's."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=ROOT, env=BUILD | variables, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(scope="module")
def built() -> str:
    """The operator's image in buildah's store."""
    missing = [tool for tool in ("buildah", "debootstrap", "unshare") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"an image is built by root with buildah; missing: {missing or ['root']}")
    bases = [["buildah", "inspect", "--type=image", image] for image in (BASE, RUNTIME)]
    if any(subprocess.run(each, capture_output=True, check=False).returncode for each in bases):
        run("scripts/build_base_image.sh", IMAGE=BASE, RUNTIME=RUNTIME)
    flags = ""
    if CERTIFICATES.exists():
        # The base has none; pip in the build trusts whom this machine trusts.
        flags = f"--volume {CERTIFICATES}:{CERTIFICATES}:ro --env PIP_CERT={CERTIFICATES}"
    run(
        "scripts/build_images.sh",
        TAG="of-a-test", IMAGES="operator", PYTHON=BASE, RUNTIME=RUNTIME, BUILD_FLAGS=flags,
        REQUIRED="1",
    )  # fmt: skip
    return NAME


@dataclass(frozen=True)
class Image:
    """An image as it came from a registry."""

    name: str
    files: Path
    entrypoint: list[str]
    path: str
    """Its variable PATH."""
    user: str


@pytest.fixture
def pulled(built: str, binaries: Programs, tmp_path: Path) -> Iterator[Image]:
    """The image, pushed to a registry and pulled from it."""
    files = tmp_path / "image"
    with running_registry(binaries, tmp_path / "registry") as address:
        name = f"{address}/{built}"
        run("buildah", "push", "--quiet", "--tls-verify=false", built, f"docker://{name}")
        container = run(
            "buildah", "from", "--quiet", "--tls-verify=false", "--pull-always", f"docker://{name}"
        )
        told = json.loads(run("buildah", "inspect", container))["OCIv1"]["config"]
        variables = dict(entry.split("=", 1) for entry in told["Env"])
        try:
            # Devices are among them, which only cp copies as such.
            run("cp", "--archive", run("buildah", "mount", container), files)
        finally:
            run("buildah", "rm", container)
            run("buildah", "rmi", name)
        files.joinpath("tmp").chmod(0o1777)
        yield Image(name, files, told["Entrypoint"], variables["PATH"], told["User"])
    run("buildah", "rmi", built)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """What the image has on its PATH, run in its file system."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "pd-operator").symlink_to(Path(__file__).with_name("in_image.sh"))
    return folder


def test_the_operator_of_the_pulled_image_runs_as_the_chart_says(
    binaries: Programs, tmp_path: Path, pulled: Image, programs: Path
) -> None:
    repository, _, tag = pulled.name.rpartition(":")
    catalog = {
        repository: {
            "path": [str(programs), *os.environ["PATH"].split(":")],
            "entrypoint": pulled.entrypoint,
            "env": {
                "PD_IMAGE_ROOT": str(pulled.files),
                "PD_IMAGE_PATH": pulled.path,
                "PD_IMAGE_USER": pulled.user,
            },
        }
    }
    with (
        ControlPlane(binaries, tmp_path / "control-plane") as control_plane,
        AgentProcess(control_plane, tmp_path / "nodes", catalog, AgentOptions()),
    ):
        control_plane.helm(
            "install", "pd-operator", str(ROOT / "charts" / "pd-operator"),
            "--namespace=pd-operator-system", "--create-namespace",
            f"--set=image.repository={repository},image.tag={tag},replicas=1",
            "--wait", "--timeout=300s",
        )  # fmt: skip
        assert any(runs_in(pulled.files)), "no process of the operator has the image as its root"
        example = ROOT / "examples" / "pdservice-minimal.yaml"
        control_plane.kubectl("apply", f"--filename={example}")
        eventually(lambda: control_plane.kubectl("get", "deployment", "chat-prefill"))
        eventually(lambda: "Ready" in control_plane.kubectl("get", "pdis", "chat", "--output=yaml"))


def runs_in(files: Path) -> Iterator[str]:
    """Command lines of processes whose root is this folder."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "root").readlink() == files:
                yield (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
