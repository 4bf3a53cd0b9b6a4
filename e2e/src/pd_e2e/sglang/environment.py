"""The virtual environment that holds SGLang, kept outside of the repository."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pd_e2e.cluster.binaries import cache_directory
from pd_e2e.cluster.locking import exclusive

REPOSITORY = Path(__file__).resolve().parents[4]
RECIPE = REPOSITORY / "e2e" / "sglang"
INSTALL = REPOSITORY / "scripts" / "install_sglang.sh"
VERSION = "0.5.23"

VARIABLES = {
    "SGLANG_USE_CPU_ENGINE": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    # A second thread makes a token of the tiny model take ten times as long on two cores.
    "OMP_NUM_THREADS": "1",
    "SGLANG_CPU_OMP_THREADS_BIND": "all",
    # A file in the working directory must not stand in for one of the standard library.
    "PYTHONSAFEPATH": "1",
    "PYTHONPATH": str(RECIPE / "hooks"),
}
"""What SGLang is told by its environment here."""


class InstallError(Exception):
    """SGLang could not be installed; the script has said why."""


def ensure_environment() -> Path:
    """The environment, installed first where it is not there: 3 GB, some minutes, once.

    The script tells how far it is. Whatever ends this ends it, too.

    Raises:
        InstallError: it failed.

    """
    environment = cache_directory() / f"sglang-{VERSION}"
    with exclusive(cache_directory() / f".sglang-{VERSION}.lock"):
        _run([str(INSTALL), str(environment)])
    return environment


def _run(command: list[str]) -> None:
    """Run it in a group of its own, so that all that it started can be ended with it."""
    variables = {"PYTHON": sys.executable, **os.environ}
    with subprocess.Popen(command, env=variables, start_new_session=True) as process:
        try:
            code = process.wait()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            raise
    if code != 0:
        raise InstallError(f"{Path(command[0]).name} ended with exit code {code}")
