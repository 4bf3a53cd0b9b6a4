"""`kubectl pd` as a plug-in: an archive that needs a Python and nothing else, and its manifest."""

import gzip
import hashlib
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from scripts.release.version import Version

LAUNCHER = Path(__file__).with_name("kubectl-pd.sh")
_LEFT_OUT = ("kubernetes/aio/", "kubernetes/client/api/", "kubernetes/client/models/")
"""Of the Kubernetes client, as in images/prune.sh: the typed API and its second copy."""


@dataclass(frozen=True)
class Platform:
    """One that the plug-in is packed for: Go's words for it, and pip's for the wheels it takes."""

    system: str
    architecture: str
    wheels: tuple[str, ...]

    def __str__(self) -> str:
        """As one writes it: linux/arm64."""
        return f"{self.system}/{self.architecture}"


def _linux(machine: str) -> tuple[str, ...]:
    newest_first = ("manylinux_2_28", "manylinux_2_26", "manylinux_2_17", "manylinux2014")
    return tuple(f"{one}_{machine}" for one in newest_first)


OTHERS = {
    str(one): one
    for one in (
        Platform("linux", "amd64", _linux("x86_64")),
        Platform("linux", "arm64", _linux("aarch64")),
        Platform("darwin", "arm64", ("macosx_12_0_arm64",)),
        Platform("darwin", "amd64", ("macosx_12_0_x86_64",)),
    )
}
"""Beside the one that runs. Windows has no shell for the launcher; WSL is linux."""


@dataclass(frozen=True)
class Archive:
    """A packed plug-in, in krew's words."""

    system: str
    architecture: str
    name: str
    sha256: str


def python_version() -> str:
    """The Python that the archive's compiled libraries are for, as 3.11: the one that runs."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def os_and_architecture() -> tuple[str, str]:
    """The platform that they are for, in Go's words: linux and amd64, the one that runs."""
    machine = platform.machine().lower()
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    return platform.system().lower(), names.get(machine, machine)


def fill(folder: Path, wheel: Path, distributions: list[Distribution], license_text: Path) -> None:
    """Lay the plug-in out in a folder: launcher, license, and the libraries under lib/."""
    libraries = _libraries(folder)
    _unpack(wheel, libraries)
    for distribution in distributions:
        for file in distribution.files or ():
            if _is_loaded(file):
                target = libraries / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(distribution.locate_file(file))), target)
    _finish(folder, license_text)


def fill_with_wheels(folder: Path, wheels: Iterable[Path], license_text: Path) -> None:
    """The same with the libraries of wheels, such as another platform's."""
    libraries = _libraries(folder)
    for wheel in wheels:
        _unpack(wheel, libraries)
    _finish(folder, license_text)


def download(platform: Platform, wheel: Path, constraints: Path, folder: Path) -> list[Path]:
    """All wheels that the plug-in needs on a platform, our own among them, from pip's registry."""
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:",
        f"--python-version={python_version()}", f"--dest={folder}", f"--constraint={constraints}",
        *(f"--platform={tag}" for tag in platform.wheels), f"{wheel}[cli]",
    ]  # fmt: skip
    subprocess.run(command, check=True)  # noqa: S603 - this Python
    return sorted(folder.glob("*.whl"))


def _libraries(folder: Path) -> Path:
    libraries = folder / "lib" / f"python{python_version()}" / "site-packages"
    libraries.mkdir(parents=True)
    return libraries


def _unpack(wheel: Path, libraries: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if _is_loaded(PurePosixPath(name)) and not name.endswith("/"):
                archive.extract(name, libraries)


def _finish(folder: Path, license_text: Path) -> None:
    launcher = folder / "kubectl-pd"
    shutil.copyfile(LAUNCHER, launcher)
    launcher.chmod(0o755)
    shutil.copyfile(license_text, folder / "LICENSE")


def _is_loaded(file: PurePosixPath) -> bool:
    """Whether a file of a distribution is part of what is imported: no script, test or cache."""
    if ".." in file.parts or file.suffix == ".pyc" or {"tests", "__pycache__"} & {*file.parts[:-1]}:
        return False
    return file.name == "__init__.py" or not str(file).startswith(_LEFT_OUT)


def archive(folder: Path, target: Path) -> str:
    """Pack a folder into a .tar.gz, the same bytes for the same files; returns its SHA-256."""
    with (
        target.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            member = tar.gettarinfo(path, str(path.relative_to(folder)))
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            with path.open("rb") as content:
                tar.addfile(member, content)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def krew_manifest(version: Version, archives: Iterable[Archive], release_url: str) -> str:
    """The manifest that `kubectl krew install --manifest` and an index of krew take, as YAML."""
    plugin = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "pd"},
        "spec": {
            "version": f"v{version.semantic}",
            "homepage": release_url,
            "shortDescription": "Explains and plans P/D pools of SGLang services",
            "description": "Shows why a PDInferenceService has as many prefill and decode workers "
            "as it has, what it needs, and how many GPUs a load will take.\n",
            "caveats": f"Needs Python {python_version()} on the PATH.\n",
            "platforms": [_of_platform(each, release_url) for each in archives],
        },
    }
    return yaml.safe_dump(plugin, sort_keys=False)


def _of_platform(archive: Archive, release_url: str) -> dict[str, Any]:
    return {
        "selector": {"matchLabels": {"os": archive.system, "arch": archive.architecture}},
        "uri": f"{release_url}/{archive.name}",
        "sha256": archive.sha256,
        "bin": "kubectl-pd",
    }
