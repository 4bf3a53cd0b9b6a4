"""Containerfiles and their build script, as far as they can be held without a container builder."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTAINERFILES = sorted((ROOT / "images").glob("Containerfile.*"))


@pytest.fixture(params=CONTAINERFILES, ids=lambda path: path.suffix[1:])
def containerfile(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text(encoding="utf-8")


def test_the_image_is_pinned_and_does_not_run_as_root(containerfile: str) -> None:
    (base,) = re.findall(r"^ARG PYTHON=(.*)$", containerfile, re.MULTILINE)
    assert re.fullmatch(r"python:3\.13\.\d+-slim-\w+", base)
    assert re.findall(r"^FROM (\S+)", containerfile, re.MULTILINE) == ["${PYTHON}", "${RUNTIME}"]
    assert re.findall(r"^ARG RUNTIME=(.*)$", containerfile, re.MULTILINE) == ["${PYTHON}"]
    assert "USER 65532:65532" in containerfile.rsplit("FROM", maxsplit=1)[-1]
    assert "--constraint constraints.txt" in containerfile


def test_everything_that_is_copied_exists(containerfile: str) -> None:
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.*) \S+$", containerfile, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("image", ["operator", "worker-table"])
def test_the_entry_point_is_a_script_of_the_distribution(image: str) -> None:
    text = (ROOT / "images" / f"Containerfile.{image}").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (entry_point,) = re.findall(r'^ENTRYPOINT \["(.*)"\]$', text, re.MULTILINE)
    assert entry_point in project["scripts"]


def test_every_runtime_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = {_normal(line.partition("==")[0]) for line in constraints.splitlines()}
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["cli"], *extras["operator"], *extras["backtest"]]
    needed = {_normal(re.split(r"[\[<>=!~]", each)[0]) for each in lines}
    assert needed - {"pd-operator"} <= pinned


class TestBuildScript:
    """scripts/build_images.sh on machines without a builder that works."""

    @pytest.fixture
    def tools(self, tmp_path: Path) -> Path:
        """A PATH with the shell's tools and no container builder."""
        folder = tmp_path / "bin"
        folder.mkdir()
        for tool in ("sh", "dirname", "sed", "mktemp", "rm"):
            found = shutil.which(tool)
            assert found, tool
            (folder / tool).symlink_to(found)
        return folder

    def test_no_builder_is_said_in_one_line_and_is_no_failure(self, tools: Path) -> None:
        ended = build(tools)
        assert ended.returncode == 0
        assert ended.stderr.splitlines() == [
            "No container builder works here (tried podman, docker, buildah, nerdctl): "
            "no image was built."
        ]

    def test_no_builder_is_a_failure_where_images_are_required(self, tools: Path) -> None:
        assert build(tools, REQUIRED="1").returncode == 1

    def test_a_client_without_its_server_is_no_builder(self, tools: Path) -> None:
        docker = tools / "docker"
        docker.write_text("#!/bin/sh\necho Cannot connect to the Docker daemon >&2\nexit 1\n")
        docker.chmod(0o755)
        ended = build(tools)
        assert ended.returncode == 0
        assert "no image was built" in ended.stderr

    def test_every_image_is_built_under_the_projects_version(
        self, tools: Path, tmp_path: Path
    ) -> None:
        """A builder that notes how it was called; what a real one makes of it is not tried here."""
        for tool in ("mkdir", "cp", "find"):
            (tools / tool).symlink_to(str(shutil.which(tool)))
        called = tmp_path / "called"
        podman = tools / "podman"
        podman.write_text(f'#!/bin/sh\necho "$@" >>{called}\n')
        podman.chmod(0o755)
        assert build(tools).returncode == 0
        builds = [line.split() for line in called.read_text().splitlines() if "--tag" in line]
        tags = {line[line.index("--tag") + 1] for line in builds}
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert tags == {
            f"pd-operator/{path.suffix[1:]}:{project['version']}" for path in CONTAINERFILES
        }


def build(path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "build_images.sh"],
        env={**os.environ, "PATH": str(path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _normal(name: str) -> str:
    return name.strip().lower().replace("_", "-")
