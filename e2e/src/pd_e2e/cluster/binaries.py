"""Builds the programs of the embedded cluster once, and keeps them by version."""

import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pd_e2e.cluster.compiler import go_build
from pd_e2e.cluster.families import FAMILIES, WANTED_ALWAYS, Family, Program
from pd_e2e.cluster.locking import exclusive
from pd_e2e.cluster.progress import PlainProgress, Progress, step
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
    wanted: Iterable[Program] = WANTED_ALWAYS, progress: Progress | None = None
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
    built = [program for program in wanted if program not in paths]
    pending = pending_families(built)
    if pending:
        names = ", ".join(family.name for family in pending)
        expected_seconds = sum(family.expected_build_seconds for family in pending)
        with step(progress, f"building {names}, once per machine", expected_seconds):
            for family in pending:
                _ensure_family(family, _members(family, built), progress)
    for family in FAMILIES:
        paths |= {program: cached_path(family, program) for program in _members(family, built)}
    return Programs(paths)


def pending_families(wanted: Iterable[Program] = WANTED_ALWAYS) -> list[Family]:
    """Families that `ensure_programs` would have to build, in order."""
    wanted = tuple(wanted)
    given = _from_assets(wanted)
    built = [program for program in wanted if program not in given]
    return [family for family in FAMILIES if not _is_cached(family, _members(family, built))]


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


def _members(family: Family, programs: Iterable[Program]) -> list[Program]:
    return [program for program in programs if program in family.packages]


def _is_cached(family: Family, programs: Iterable[Program]) -> bool:
    return all(cached_path(family, program).exists() for program in programs)


def _ensure_family(family: Family, programs: list[Program], progress: Progress) -> None:
    if _is_cached(family, programs):
        return
    with exclusive(cache_directory() / "bin" / f".{family.name}.lock"):
        if not _is_cached(family, programs):
            _build(family, programs, progress)


def _build(family: Family, programs: list[Program], progress: Progress) -> None:
    go = find_go(family.go_version, cache_directory(), progress)
    # Named after the family, whose lock is held: what a killed build left is cleared away.
    scratch = cache_directory() / "bin" / f".build-{family.name}"
    shutil.rmtree(scratch, ignore_errors=True)
    name = f"building {', '.join(programs)} {family.version}"
    with step(progress, name, family.expected_build_seconds):
        began = time.monotonic()
        for program in programs:
            output = ["-o", str(scratch / program / program), family.packages[program]]
            go_build(
                [str(go), "build", "-v", *family.build_flags(), *output],
                family.directory,
                lambda detail: progress.advanced(name, time.monotonic() - began, detail),
            )
            _move_into_cache(scratch / program, cached_path(family, program).parent)
    shutil.rmtree(scratch, ignore_errors=True)


def _move_into_cache(staged: Path, target: Path) -> None:
    """Rename, so that a reader sees a whole directory or none."""
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)
