"""The virtual environment that holds SGLang, kept outside of the repository."""

import subprocess
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


def ensure_environment() -> Path:
    """The environment, installed first where it is not there: 3 GB, some minutes, once.

    The script tells how far it is. Raises `subprocess.CalledProcessError` where it fails.
    """
    environment = cache_directory() / f"sglang-{VERSION}"
    with exclusive(cache_directory() / f".sglang-{VERSION}.lock"):
        subprocess.run([INSTALL, environment], check=True)
    return environment
