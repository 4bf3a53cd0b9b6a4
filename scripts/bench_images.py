"""What the images weigh, beside the one image for all that there was: `make bench-images`.

All are built here by buildah on a base made of Debian's packages, so this takes root, buildah and
debootstrap (`BUILD_FLAGS` as for scripts/build_images.sh). The former image is built from the git
history with the libraries of today's constraints. Sizes are of the files in an image, its base
included. Start-up is the wall time of loading the code, which has nothing compiled. Ten minutes.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts import former_code
from scripts.bench_format import Figure, write

_ROOT = Path(__file__).parents[1]
BASE, RUNTIME = "localhost/python-base:3.11", "localhost/python-runtime:3.11"
TAG = "of-a-benchmark"
PYTHON = "opt/pd-operator/bin/python"
NEEDED = ("buildah", "debootstrap")
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Image:
    """One image: how it is called in buildah's store, and the module that its program loads."""

    figure: str
    name: str
    module: str
    goal: float | None = None
    """Of its size over that of the former one."""


FORMER = Image("former", "pd-operator/operator:former", "pd_operator.controller.process")
IMAGES = (
    Image("operator", f"pd-operator/operator:{TAG}", "pd_operator.controller.process", 0.7),
    Image("worker_table", f"pd-operator/worker-table:{TAG}", "pd_operator.routing.sidecar", 0.3),
)


def build() -> None:
    """Build the bases where they are not there, the former image, and today's."""
    if not all(_exists(image) for image in (BASE, RUNTIME)):
        _run(_ROOT / "scripts" / "build_base_image.sh", IMAGE=BASE, RUNTIME=RUNTIME)
    script = Path("scripts", "build_images.sh")
    with tempfile.TemporaryDirectory(prefix="pd-operator-former-") as folder:
        former_code.extract(Path(folder))
        shutil.copyfile(_ROOT / "constraints.txt", Path(folder, "constraints.txt"))
        shutil.copyfile(_ROOT / script, Path(folder, script))
        _run(Path(folder, script), TAG="former", IMAGES="operator", PYTHON=BASE, REQUIRED="1")
    names = "operator worker-table"
    _run(_ROOT / script, TAG=TAG, IMAGES=names, PYTHON=BASE, RUNTIME=RUNTIME, REQUIRED="1")


def figures() -> Iterator[Figure]:
    """Size, packages and start-up of each image, and its share of the former one's size."""
    with _mounted(RUNTIME) as files:
        yield Figure("base_megabytes", megabytes(files), "MB")
    former = 0.0
    for image in (FORMER, *IMAGES):
        with _mounted(image.name) as files:
            size = megabytes(files)
            former = former or size
            yield Figure(f"{image.figure}_megabytes", size, "MB")
            if image.goal is not None:
                yield Figure(f"{image.figure}_over_former", size / former, "", image.goal)
            yield Figure(f"{image.figure}_python_packages", len(python_packages(files)), "")
            yield Figure(f"{image.figure}_start_seconds", _start_seconds(files, image), "s")


def megabytes(files: Path) -> float:
    """The bytes of an image's files; one that has several names counts once."""
    seen: set[int] = set()
    total = 0
    for path in files.rglob("*"):
        status = path.lstat()
        if path.is_file() and not path.is_symlink() and status.st_ino not in seen:
            seen.add(status.st_ino)
            total += status.st_size
    return total / _MEGABYTE


def python_packages(files: Path) -> list[str]:
    """Names of the distributions that our environment in an image has."""
    found = files.glob("opt/pd-operator/lib/python3*/site-packages/*.dist-info")
    return sorted(re.split(r"-\d", path.name)[0] for path in found)


def _start_seconds(files: Path, image: Image) -> float:
    """The shortest of three, in the image's own file system."""
    program = ["chroot", str(files), f"/{PYTHON}", "-B", "-c", f"import {image.module}"]
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        _run(*program)
        taken.append(time.perf_counter() - begun)
    return min(taken)


@contextmanager
def _mounted(image: str) -> Iterator[Path]:
    container = _run("buildah", "from", "--quiet", "--pull-never", image)
    try:
        yield Path(_run("buildah", "mount", container))
    finally:
        _run("buildah", "rm", container)


def _exists(image: str) -> bool:
    asked = ["buildah", "inspect", "--type=image", image]
    return not subprocess.run(asked, capture_output=True, check=False).returncode  # noqa: S603


def _run(*command: str | Path, **variables: str) -> str:
    """What a command says; its errors go where this one's do."""
    done = subprocess.run(  # noqa: S603 - fixed words
        [str(each) for each in command],
        env=os.environ | {"BUILDAH_ISOLATION": "chroot"} | variables,
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def main() -> int:
    """Build and measure; returns the exit status."""
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        print(f"error: needs root, and {', '.join(missing or NEEDED)}", file=sys.stderr)  # noqa: T201
        return 1
    build()
    return write("images", list(figures()))


if __name__ == "__main__":
    sys.exit(main())
