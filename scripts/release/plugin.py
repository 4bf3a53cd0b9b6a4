"""`kubectl pd` as a plug-in: an archive that needs a Python and nothing else, and its manifest."""

import gzip
import hashlib
import platform
import shutil
import sys
import tarfile
import zipfile
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

import yaml
from scripts.release.version import Version

LAUNCHER = Path(__file__).with_name("kubectl-pd.sh")
_LEFT_OUT = ("kubernetes/aio/", "kubernetes/client/api/", "kubernetes/client/models/")
"""Of the Kubernetes client, as in images/prune.sh: the typed API and its second copy."""


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
    libraries = folder / "lib" / f"python{python_version()}" / "site-packages"
    libraries.mkdir(parents=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(libraries)  # noqa: S202 - our own wheel, of a moment ago
    for distribution in distributions:
        for file in distribution.files or ():
            if _is_loaded(file):
                target = libraries / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(str(distribution.locate_file(file))), target)
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


def krew_manifest(version: Version, archive_name: str, sha256: str, release_url: str) -> str:
    """The manifest that `kubectl krew install --manifest` and an index of krew take, as YAML."""
    system, architecture = os_and_architecture()
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
            "platforms": [
                {
                    "selector": {"matchLabels": {"os": system, "arch": architecture}},
                    "uri": f"{release_url}/{archive_name}",
                    "sha256": sha256,
                    "bin": "kubectl-pd",
                }
            ],
        },
    }
    return yaml.safe_dump(plugin, sort_keys=False)
