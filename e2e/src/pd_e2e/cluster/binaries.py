"""Builds the programs of the embedded cluster once, and keeps them by version."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pd_e2e.cluster.compiler import go_build
from pd_e2e.cluster.families import FAMILIES, Family, Program
from pd_e2e.cluster.progress import PlainProgress, Progress
from pd_e2e.cluster.toolchain import find_go

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
_FROM_ASSETS = (Program.ETCD, Program.KUBE_APISERVER, Program.KUBECTL)


@dataclass(frozen=True)
class Programs:
    """Where each program's executable lies."""

    paths: Mapping[Program, Path]

    def __getitem__(self, program: Program) -> Path:
        return self.paths[program]


def cache_directory() -> Path:
    """Where built programs and the Go toolchain are kept, outside of the repository."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pd-operator"


def ensure_programs(
    wanted: Iterable[Program] = tuple(Program), progress: Progress | None = None
) -> Programs:
    """Return the wanted programs, built first where the cache does not hold them.

    Two runs that want the same family at once build it once: the second waits for the first.

    Raises:
        BuildError: the compiler refused.
        NoGoToolchainError: something must be built and there is no Go.

    """
    progress = progress or PlainProgress()
    wanted = tuple(wanted)
    paths = _from_assets(wanted)
    for family in FAMILIES:
        members = [program for program in family.packages if program in wanted]
        missing = [program for program in members if program not in paths]
        if missing:
            _ensure_family(family, missing, progress)
            paths |= {program: cached_path(family, program) for program in missing}
    return Programs(paths)


def pending_families(wanted: Iterable[Program] = tuple(Program)) -> list[Family]:
    """Families that `ensure_programs` would have to build, in order."""
    wanted = tuple(wanted)
    given = _from_assets(wanted)
    needed = [program for program in wanted if program not in given]
    return [
        family
        for family in FAMILIES
        if not _is_cached(family, [program for program in needed if program in family.packages])
    ]


def cached_path(family: Family, program: Program) -> Path:
    """Where the cache keeps a program: by name, version, operating system and architecture."""
    system = os.uname()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine)
    platform = f"{system.sysname.lower()}-{architecture}"
    return cache_directory() / "bin" / f"{program}-{family.version}-{platform}" / program


def _from_assets(wanted: Iterable[Program]) -> dict[Program, Path]:
    directory = os.environ.get(ASSETS_VARIABLE)
    if not directory:
        return {}
    candidates = {program: Path(directory) / program for program in _FROM_ASSETS}
    return {program: path for program, path in candidates.items() if path.exists()}


def _is_cached(family: Family, programs: Iterable[Program]) -> bool:
    return all(cached_path(family, program).exists() for program in programs)


def _ensure_family(family: Family, programs: list[Program], progress: Progress) -> None:
    if _is_cached(family, programs):
        return
    with _lock(cache_directory() / "bin" / f".{family.name}.lock"):
        if not _is_cached(family, programs):
            _build(family, programs, progress)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(family: Family, programs: list[Program], progress: Progress) -> None:
    go = find_go(family.go_version, cache_directory(), progress)
    step = f"building {', '.join(programs)} {family.version}"
    progress.started(step, family.expected_build_seconds)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=cache_directory() / "bin", prefix=".build-") as scratch:
        for program in programs:
            staged = Path(scratch) / program
            output = ["-o", f"{staged}/{program}", family.packages[program]]
            go_build(
                [str(go), "build", "-v", *family.build_flags(), *output],
                family.directory,
                lambda detail: progress.advanced(step, time.monotonic() - began, detail),
            )
            _move_into_cache(staged, cached_path(family, program).parent)
    progress.finished(step, time.monotonic() - began)


def _move_into_cache(staged: Path, target: Path) -> None:
    """Rename, so that a reader sees a whole directory or none."""
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)
