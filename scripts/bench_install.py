"""What `kubectl pd` installs and takes, beside the code that was one installation for all.

`make bench-install`. The former code is read from the git history and run with the same libraries.
Sizes are of files, compiled ones left out: of the plug-in as `make release` packs it, and of all
that the one installation brought. CPU seconds are of whole processes. Half a minute.
`make bench-images` has the images.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import yaml
from scripts import former_code
from scripts.bench_format import Figure, write
from scripts.release import plugin
from scripts.release.closure import closure

_MEGABYTE = 1e6
_RUNS = 5
_ROOT = Path(__file__).parents[1]
_EXAMPLE = _ROOT / "examples" / "pdservice.yaml"
_SOURCES = ("operator/src", "forecasting/src")
_PROGRAM = "from pd_operator.cli.kubectl_pd import {entry}; {entry}()"


def megabytes(files: Iterator[Path]) -> float:
    """The size of files that are there, without what Python compiles of them."""
    kept = (file for file in files if file.suffix != ".pyc" and file.is_file())
    return sum(file.stat().st_size for file in kept) / _MEGABYTE


def former_megabytes(sources: Path) -> float:
    """What the one installation brought: its own packages, and all that it required."""
    own = (file for source in _SOURCES for file in (sources / source).rglob("*"))
    required = (
        Path(str(file.locate()))
        for distribution in closure(former_code.REQUIRED)
        for file in distribution.files or ()
    )
    return megabytes(own) + megabytes(required)


def plugin_megabytes(scratch: Path) -> float:
    """The plug-in, as it lies on a laptop."""
    subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-m", "hatchling", "build", "--target=wheel", "--directory", scratch],
        cwd=_ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (wheel,) = scratch.glob("*.whl")
    plugin.fill(scratch / "plugin", wheel, closure(["pd-operator[cli]"]), _ROOT / "LICENSE")
    return megabytes((scratch / "plugin").rglob("*"))


def cpu_seconds(
    arguments: Sequence[str], kubeconfig: Path, sources: Path, entry: str = "main"
) -> float:
    """CPU of a whole process, its start included; the median of a few runs after a first."""
    path = os.pathsep.join(str(sources / source) for source in _SOURCES)
    taken = []
    for _ in range(_RUNS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-c", _PROGRAM.format(entry=entry), *arguments],
            env=os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(taken[1:])


@contextmanager
def answering_api_server() -> Iterator[Path]:
    """The kubeconfig of a server on loopback whose every answer is the example's service."""
    body = json.dumps(yaml.safe_load(_EXAMPLE.read_text(encoding="utf-8"))).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [
            {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        ],
        "users": [{"name": "me", "user": {}}],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        path.write_text(json.dumps(config), encoding="utf-8")
        yield path
    server.shutdown()


def figures(scratch: Path) -> Iterator[Figure]:
    """Sizes and CPU, each beside the former code's."""
    former = scratch / "former"
    former_code.extract(former)
    sizes = former_megabytes(former), plugin_megabytes(scratch / "built")
    yield Figure("former_megabytes", sizes[0], "MB")
    yield Figure("plugin_megabytes", sizes[1], "MB")
    yield Figure("plugin_over_former", sizes[1] / sizes[0], "", 0.3)
    with answering_api_server() as kubeconfig:
        for name, arguments in (("help", ["--help"]), ("explain", ["explain", "chat"])):
            now = cpu_seconds(arguments, kubeconfig, _ROOT)
            then = cpu_seconds(arguments, kubeconfig, former, "app")
            yield Figure(f"{name}_cpu_seconds", now, "s")
            yield Figure(f"former_{name}_cpu_seconds", then, "s")
            yield Figure(f"{name}_over_former", now / then, "", 0.25)


def main() -> int:
    """Measure all; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="pd-operator-install-") as scratch:
        try:
            return write("install", list(figures(Path(scratch))))
        except former_code.NoHistoryError as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command line
            return 1


if __name__ == "__main__":
    sys.exit(main())
