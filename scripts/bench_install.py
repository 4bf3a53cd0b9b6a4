"""What each user installs and waits for, beside one installation for all: `make bench-install`.

Sizes are of the files that pip records for a part and all that it requires, taken from the
environment that runs this. CPU seconds are of whole processes. Until the parts were split,
everybody installed `FORMER` and a command imported all others: that is played by importing them.
Half a minute.
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
from importlib.metadata import distribution
from pathlib import Path
from statistics import median

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts.bench_format import Figure, write

_MEGABYTE = 1e6
_RUNS = 5
_EXAMPLE = Path(__file__).parents[1] / "examples" / "pdservice.yaml"
FORMER = (
    "aiohttp", "cronsim", "kopf", "kubernetes", "numpy", "pandas", "prometheus-api-client",
    "prometheus-client", "pydantic", "pyyaml", "rich", "statsmodels", "typer", "tzdata",
)  # fmt: skip
"""What the one installation required, before there were extras."""

_ALONE = "from pd_operator.cli.kubectl_pd import main; main()"
_WITH_ALL_OTHERS = """
from importlib import import_module
from pd_operator.cli.kubectl_pd import COMMANDS, main
import pd_operator.cli.traces.requests, pd_operator.cli.profiling.command
for command in COMMANDS:
    import_module(command.source.partition(":")[0])
main()
"""


def closure(requirements: Sequence[str]) -> set[str]:
    """The distributions that these requirements bring, by name."""
    found: set[str] = set()
    visited: set[str] = set()
    left = [Requirement(one) for one in requirements]
    while left:
        requirement = left.pop()
        if str(requirement) in visited:
            continue
        visited.add(str(requirement))
        found.add(canonicalize_name(requirement.name))
        left += _required(requirement)
    return found


def _required(requirement: Requirement) -> Iterator[Requirement]:
    for line in distribution(requirement.name).requires or ():
        needed = Requirement(line)
        for extra in requirement.extras or {""}:
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                yield needed


def megabytes(requirements: Sequence[str]) -> float:
    """The size of the files that come with these requirements."""
    total = 0
    for name in closure(requirements):
        for file in distribution(name).files or ():
            place = Path(str(file.locate()))
            total += place.stat().st_size if place.is_file() else 0
    return total / _MEGABYTE


def cpu_seconds(program: str, arguments: Sequence[str], kubeconfig: Path) -> float:
    """CPU of a whole process, its start included; the median of a few runs after a first."""
    taken = []
    for _ in range(_RUNS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-c", program, *arguments],
            env=os.environ | {"KUBECONFIG": str(kubeconfig)},
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


def size_figures() -> list[Figure]:
    """Each part, and its share of what everybody installed."""
    former = megabytes(FORMER)
    figures = [Figure("former_megabytes", former, "MB")]
    for name, requirement, goal in (
        ("sidecar", "pd-operator", 0.3),
        ("plugin", "pd-operator[cli]", 0.3),
        ("operator", "pd-operator[operator]", None),
    ):
        size = megabytes([requirement])
        figures.append(Figure(f"{name}_megabytes", size, "MB"))
        figures.append(Figure(f"{name}_over_former", size / former, "", goal))
    return figures


def cpu_figures() -> list[Figure]:
    """Each command, and its share of the time that it took with all others imported."""
    figures = []
    with answering_api_server() as kubeconfig:
        for name, arguments in (("help", ["--help"]), ("explain", ["explain", "chat"])):
            alone = cpu_seconds(_ALONE, arguments, kubeconfig)
            former = cpu_seconds(_WITH_ALL_OTHERS, arguments, kubeconfig)
            figures.append(Figure(f"{name}_cpu_seconds", alone, "s"))
            figures.append(Figure(f"{name}_over_former", alone / former, "", 0.25))
    return figures


if __name__ == "__main__":
    sys.exit(write("install", [*size_figures(), *cpu_figures()]))
