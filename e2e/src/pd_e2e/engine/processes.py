"""Engines and SGLang's router as processes of this machine, for tests and benchmarks."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from pd_e2e.cluster.waiting import crowding

PORT = 30000
BOOTSTRAP_PORT = 8998
_ANSWER_SECONDS = 30.0
_addresses = count(1)


def until(condition: Callable[[], bool], what: str, seconds: float = _ANSWER_SECONDS) -> None:
    """Wait for `condition`; `TimeoutError` with `what` if it does not come."""
    deadline = time.monotonic() + seconds * crowding(os.getloadavg()[0])
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


def fetch(url: str, body: Any = None, timeout: float = _ANSWER_SECONDS) -> tuple[int, str]:
    """Status and text of a GET, or of a POST if there is a body; status 0 if nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - always http
        url, data=data, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - http
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


@dataclass
class Process:
    """A process on a loopback address of its own, with its output in a file."""

    command: Sequence[str]
    host: str
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, env={**os.environ, **self.environment}, stdout=log, stderr=log
            )

    @property
    def url(self) -> str:
        """Where it serves HTTP."""
        return f"http://{self.host}:{PORT}"

    def get(self, path: str, timeout: float = _ANSWER_SECONDS) -> tuple[int, str]:
        """Status and text of a GET; status 0 if it does not answer."""
        return fetch(self.url + path, timeout=timeout)

    def get_json(self, path: str) -> Any:
        """Body of a GET that must succeed."""
        status, text = self.get(path)
        if status != 200:
            raise RuntimeError(f"{self.url}{path}: {status} {text}")
        return json.loads(text)

    def post(self, path: str, body: Any, timeout: float = _ANSWER_SECONDS) -> tuple[int, str]:
        """Status and text of a POST; status 0 if it does not answer."""
        return fetch(self.url + path, body, timeout)

    def output(self) -> str:
        """What it has written to its standard streams."""
        return self.log.read_text(errors="replace")

    def until_ready(self, path: str = "/ready", seconds: float = _ANSWER_SECONDS) -> "Process":
        """Wait until a GET of `path` is answered with 200."""
        what = f"200 of {self.url}{path} (log: {self.log})"
        until(lambda: self.get(path)[0] == 200, what, seconds)
        return self

    def load(self) -> Any:
        """An engine's load."""
        return self.get_json("/v1/loads")["loads"][0]

    def queues(self) -> Any:
        """An engine's prefill/decode queues."""
        return self.load()["disaggregation"]

    def terminate(self) -> None:
        """Ask it to stop."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Make it go, and wait until it has."""
        self.process.kill()
        self.process.wait()

    def exit_code(self, seconds: float = _ANSWER_SECONDS) -> int:
        """Wait for its end."""
        return self.process.wait(seconds * crowding(os.getloadavg()[0]))


class Fleet:
    """Starts processes, and leaves none behind. `folder` takes their logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Process] = []

    def engine(
        self, role: str, *flags: str, metrics: bool = True, env: Mapping[str, str] | None = None
    ) -> Process:
        """An engine with quick manners; `flags` and `env` go over the defaults."""
        host = self._address()
        command = (
            *(sys.executable, "-m", "pd_e2e.engine", "serve", "--model-path", "org/model"),
            *("--served-model-name", "model", "--host", host, "--port", str(PORT)),
            *(("--enable-metrics",) if metrics else ()),
            *("--disaggregation-mode", role, *flags),
        )
        defaults = {
            "PD_ENGINE_STARTUP_SECONDS": "0.1",
            "PD_ENGINE_WARMUP_SECONDS": "0.05",
            "PD_ENGINE_SIGTERM_POLL_SECONDS": "0.1",
            "PD_ENGINE_TIME_SCALE": "0.1",
            "PD_ENGINE_ROLE_SWITCH_SECONDS": "0.1",
        }
        return self._start(command, host, {**defaults, **(env or {})})

    def pair(self, *flags: str, env: Mapping[str, str] | None = None) -> tuple[Process, Process]:
        """A prefill and a decode that are ready."""
        prefill = self.engine("prefill", *flags, env=env)
        decode = self.engine("decode", *flags, env=env)
        return prefill.until_ready(), decode.until_ready()

    def router(self, workers: Path, *flags: str) -> Process:
        """SGLang's router on a worker file, as the operator's router pods run it."""
        host = self._address()
        command = (
            *(str(Path(sys.executable).parent / "smg"), "launch", "--host", host),
            *("--port", str(PORT), "--prometheus-host", host, "--prometheus-port", "29000"),
            *("--pd-disaggregation", "--discovery-provider", "file"),
            *("--discovery-file", str(workers), "--discovery-check-interval-secs", "2"),
            *("--worker-startup-check-interval", "1", "--log-level", "warn"),
            # The policies that go by loads polled every 10 s send a whole burst to one worker.
            *("--prefill-policy", "power_of_two", "--decode-policy", "power_of_two"),
            *("--power-of-two-load-metric", "least_requests", *flags),
        )
        return self._start(command, host, {})

    def stop(self) -> None:
        """End all processes."""
        for process in self._started:
            process.kill()

    def _address(self) -> str:
        """A loopback address that no other fleet of this machine is likely to have."""
        pid, (high, low) = os.getpid(), divmod(next(_addresses), 250)
        return f"127.{40 + pid % 200}.{pid // 200 % 25 * 10 + high}.{low + 1}"

    def _start(self, command: Sequence[str], host: str, environment: Mapping[str, str]) -> Process:
        process = Process(command, host, self._folder / f"{host}.log", environment)
        self._started.append(process)
        return process


def send_to_pair(
    prefill: Process, decode: Process, path: str, body: Mapping[str, Any]
) -> tuple[tuple[int, str], tuple[int, str]]:
    """Send one body to both workers at once, as the router does; status and text of each."""
    full = {"bootstrap_host": prefill.host, "bootstrap_port": BOOTSTRAP_PORT, **body}
    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(worker.post, path, full, 400.0) for worker in (prefill, decode)]
        return answers[0].result(), answers[1].result()


def write_worker_table(path: Path, prefills: Iterable[Process], decodes: Iterable[Process]) -> None:
    """Write the file that the router discovers workers from, at once."""
    workers = [
        {
            "id": prefill.host,
            "url": prefill.url,
            "worker_type": "prefill",
            "bootstrap_port": BOOTSTRAP_PORT,
        }
        for prefill in prefills
    ] + [{"id": decode.host, "url": decode.url, "worker_type": "decode"} for decode in decodes]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"version": 1, "workers": workers}))
    fresh.replace(path)
