"""The project as it was before each user had an installation of their own, from its git history.

Everybody installed one distribution then, and `kubectl pd` imported all of it: what a benchmark of
today's installation is held against.
"""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

COMMIT = "8e75410939137497bf05485e11642eac0f57c3e1"
"""The last commit with one installation and one image for all."""

REQUIRED = (
    "aiohttp", "cronsim", "kopf", "kubernetes", "numpy", "pandas", "prometheus-api-client",
    "prometheus-client", "pydantic", "pyyaml", "rich", "statsmodels", "typer", "tzdata",
)  # fmt: skip
"""What that one installation required."""

_ROOT = Path(__file__).parent.parent


class NoHistoryError(Exception):
    """Not a clone, or one too shallow to hold that commit."""


def extract(folder: Path) -> None:
    """Write that commit's files into a folder; raises `NoHistoryError`."""
    try:
        archive = subprocess.run(  # noqa: S603 - fixed words
            ["git", "archive", "--format=tar", COMMIT],  # noqa: S607 - git is on the PATH
            cwd=_ROOT, capture_output=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoHistoryError(f"the history lacks commit {COMMIT[:8]}: no shallow clone") from error
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
