"""What is installed in an image, read from its OCI archive: Debian's packages and Python's.

Sources: OCI image layout 1.0.0 and its layers' whiteouts; dpkg's status file, and the folder of
them that distroless images have; the names of Python's `.dist-info` folders.
"""

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import IO, Any

STATUS = re.compile(r"var/lib/dpkg/(status|status\.d/[^/]+)")
RELEASE = re.compile(r"(etc|usr/lib)/os-release")
DISTRIBUTION = re.compile(r".*/(?:site|dist)-packages/[^/]+\.dist-info/METADATA")
WHITEOUT = ".wh."


@dataclass(frozen=True, order=True)
class Installed:
    """One package: `kind` is `deb` or `pypi`, `architecture` of the first alone."""

    kind: str
    name: str
    version: str
    architecture: str = ""


@dataclass(frozen=True)
class Contents:
    """All packages of an image, and its system's name and version, such as `debian-12`."""

    packages: tuple[Installed, ...]
    system: str


class NoLayoutError(ValueError):
    """A file that is no OCI archive, such as what an old `docker save` writes."""


def contents(archive: Path) -> Contents:
    """What an image has; raises `NoLayoutError`."""
    files = _told(archive)
    packages = {
        package
        for path, text in files.items()
        for package in (_debian(text) if STATUS.fullmatch(path) else _python(path, text))
    }
    system = next((_system(text) for path, text in files.items() if RELEASE.fullmatch(path)), "")
    return Contents(tuple(sorted(packages)), system)


def _told(archive: Path) -> dict[str, str]:
    """The files that tell of packages, by path, as the last layer leaves them."""
    files: dict[str, str] = {}
    with tarfile.open(archive) as layout:
        for digest in _layers(layout):
            with tarfile.open(fileobj=_blob(layout, digest)) as layer:
                _put(files, layer)
    return files


def _layers(layout: tarfile.TarFile) -> Iterator[str]:
    try:
        index = _json(layout.extractfile("index.json"))
        manifest = _json(_blob(layout, index["manifests"][0]["digest"]))
        for layer in manifest["layers"]:
            yield layer["digest"]
    except (KeyError, IndexError, ValueError) as error:
        raise NoLayoutError(f"{layout.name!s} is no OCI archive: {error}") from error


def _put(files: dict[str, str], layer: tarfile.TarFile) -> None:
    """Lay one layer over the files of those below it."""
    for member in layer:
        path = member.name.removeprefix("./")
        folder, _, name = path.rpartition("/")
        if name.startswith(WHITEOUT):
            gone = f"{folder}/{name.removeprefix(WHITEOUT)}"
            for each in [one for one in files if one == gone or one.startswith(f"{gone}/")]:
                del files[each]
        wanted = STATUS, RELEASE, DISTRIBUTION
        if member.isfile() and any(pattern.fullmatch(path) for pattern in wanted):
            content = layer.extractfile(member)
            files[path] = content.read().decode() if content else ""


def _debian(status: str) -> Iterator[Installed]:
    for paragraph in status.split("\n\n"):
        fields = HeaderParser().parsestr(paragraph.strip())
        # Distroless files have no Status: what is there is installed.
        if fields["Package"] and "installed" in fields.get("Status", "installed").split():
            yield Installed("deb", fields["Package"], fields["Version"], fields["Architecture"])


def _python(path: str, text: str) -> Iterator[Installed]:
    if DISTRIBUTION.fullmatch(path):
        fields = HeaderParser().parsestr(text)
        yield Installed("pypi", re.sub(r"[-_.]+", "-", fields["Name"]).lower(), fields["Version"])


def _system(release: str) -> str:
    told = dict(line.split("=", 1) for line in release.splitlines() if "=" in line)
    return "-".join(told[key].strip('"') for key in ("ID", "VERSION_ID") if key in told)


def _blob(layout: tarfile.TarFile, digest: str) -> IO[bytes]:
    content = layout.extractfile(f"blobs/{digest.replace(':', '/')}")
    if content is None:
        raise NoLayoutError(f"{layout.name!s} lacks {digest}")
    return content


def _json(file: IO[bytes] | None) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(file.read()) if file else {}
    return read
