"""A copy of the commit with its version written into it."""

import re
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from scripts.release.version import Version

CHART = Path("charts", "pd-operator")


def stage(root: Path, target: Path, version: Version) -> None:
    """Copy what is committed into `target`, under this version.

    What is not committed does not get into a release. The tag of the worker table stays what
    values.yaml says: it moves only when the sidecar changes, or every router would be restarted.

    Raises `CalledProcessError` where `root` is no clone.
    """
    archive = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"],  # noqa: S607
        cwd=root, capture_output=True, check=True,
    ).stdout  # fmt: skip
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    _replace(target / "pyproject.toml", r'^version = ".*"$', f'version = "{version.python}"')
    chart = target / CHART / "Chart.yaml"
    _replace(chart, r"^version: .*$", f"version: {version.semantic}")
    _replace(chart, r"^appVersion: .*$", f"appVersion: {version.semantic}")
    _replace(chart, r"(image: pd-operator/operator):.*$", rf"\1:{version.semantic}")
    pre_release = str("-" in version.semantic or version.semantic.startswith("0.")).lower()
    _replace(chart, r"(artifacthub.io/prerelease): .*$", rf'\1: "{pre_release}"')


def _replace(path: Path, pattern: str, text: str) -> None:
    replaced, count = re.subn(pattern, text, path.read_text("utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{path} has {count} lines like {pattern}, expected one")
    path.write_text(replaced, "utf-8")
