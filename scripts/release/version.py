"""The version of a release, from the tags of the repository."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_DESCRIBED = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-(rc)\.(\d+))?-(\d+)-g[0-9a-f]+")


class VersionError(ValueError):
    """A tag that is no version of ours."""


@dataclass(frozen=True)
class Version:
    """A version in the spellings of those who read it."""

    python: str
    """As PEP 440 has it: 0.2.0, 0.2.0rc1, 0.2.1.dev3."""
    semantic: str
    """As charts, images and krew have it: 0.2.0, 0.2.0-rc.1, 0.2.1-dev.3."""


def described(said: str, next_version: str) -> Version:
    """The version of `git describe --long`: that of the tag, or a development version after it.

    After v0.2.0 comes 0.2.1.dev1: three commits later it is 0.2.1.dev3. Without a tag, which is
    where `git describe --always` says a commit alone, it is `next_version`.dev0.

    Raises `VersionError` for a tag that is not like v1.2.3 or v1.2.3-rc.1.
    """
    if "-" not in said:
        return Version(f"{next_version}.dev0", f"{next_version}-dev.0")
    match = _DESCRIBED.fullmatch(said)
    if match is None:
        raise VersionError(f"a tag must be like v1.2.3 or v1.2.3-rc.1; git describe says {said!r}")
    major, minor, patch, candidate, number, commits = match.groups()
    release = f"{major}.{minor}.{patch}"
    if commits != "0":
        # After a candidate comes the release itself, else the next patch.
        after = release if candidate else f"{major}.{minor}.{int(patch) + 1}"
        return Version(f"{after}.dev{commits}", f"{after}-dev.{commits}")
    if candidate:
        return Version(f"{release}rc{number}", f"{release}-rc.{number}")
    return Version(release, release)


def of_repository(root: Path, next_version: str) -> Version:
    """The version of the commit that is checked out.

    Raises `VersionError`, and `CalledProcessError` where this is no clone with git.
    """
    said = subprocess.run(
        ["git", "describe", "--tags", "--long", "--always", "--match", "v*"],  # noqa: S607
        cwd=root, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return described(said.strip(), next_version)
