"""Clients of a service: a steady load, and single long answers."""

import json
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow.parquet as pq
import requests

from pd_e2e.cluster.lifeline import Lifeline
from pd_e2e.cluster.waiting import eventually
from pd_e2e.loadgen.live import ReplayStatistics
from pd_e2e.loadgen.records import STARTED, Outcome
from pd_e2e.loadgen.run import read_progress

from .service import MODEL

LONGER_THAN_ANY_TEST = 900.0
FINE = (Outcome.OK, Outcome.INTERRUPTED)


@dataclass(frozen=True)
class FailedRequest:
    """When a request left and when it had failed (Unix seconds), and what its client was told."""

    sent: float
    failed: float
    told: str


class SteadyLoad:
    """`python -m pd_e2e.loadgen`: requests at one rate, from entering the block to leaving it."""

    def __init__(
        self,
        url: str,
        folder: Path,
        *,
        rate: float,
        input_tokens: int,
        output_tokens: int,
        longest_seconds: float = LONGER_THAN_ANY_TEST,
    ) -> None:
        folder.mkdir(parents=True)
        self._records = folder / "requests.parquet"
        self._progress = folder / "progress.jsonl"
        self._log = folder / "load.log"
        self._stack = ExitStack()
        self._command = [
            *(sys.executable, "-m", "pd_e2e.loadgen", "--scenario=steady", f"--url={url}"),
            *(f"--model={MODEL}", f"--rate={rate}", f"--input-tokens={input_tokens}"),
            *(f"--output-tokens={output_tokens}", f"--duration-seconds={longest_seconds}"),
            *(f"--output={self._records}", f"--progress-file={self._progress}"),
        ]

    def statistics(self) -> ReplayStatistics:
        """What has been counted so far."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the load generator has ended: {self._log.read_text()}")
        statistics = read_progress(self._progress)
        if statistics is None:
            raise AssertionError("the load has not begun yet")
        return statistics

    def goes_on(self, requests_more: int = 5, timeout_seconds: float = 30) -> None:
        """Wait until so many more requests were answered; none may have failed."""
        before = eventually(self.statistics)
        answered = before.finished + requests_more
        eventually(lambda: self.statistics().finished >= answered, timeout_seconds)
        assert self.statistics().failed == 0

    def failed(self) -> list[FailedRequest]:
        """The requests that went wrong; complete when the block has been left."""
        table = pq.read_table(self._records)
        began = float((table.schema.metadata or {})[STARTED.encode()])
        return [
            FailedRequest(
                began + row["sent_seconds"],
                began + row["finished_seconds"],
                f"{row['outcome']} {row['status']} {row['detail']}",
            )
            for row in table.to_pylist()
            if row["outcome"] not in FINE
        ]

    def failures(self) -> list[str]:
        """What went wrong with requests; complete when the block has been left."""
        told = pq.read_table(self._records, columns=["outcome", "status", "detail"]).to_pylist()
        return [str(each) for each in told if each["outcome"] not in FINE]

    def outcomes(self) -> Counter[str]:
        """How many requests ended how; complete when the block has been left."""
        column = pq.read_table(self._records, columns=["outcome"])["outcome"]
        return Counter(column.to_pylist())

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            lifeline = stack.enter_context(Lifeline())
            log = stack.enter_context(self._log.open("wb"))
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            lifeline.hold(self._process.pid)
            stack.callback(self._end)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class LongAnswers:
    """Streamed answers that are being read in the background, each to its end."""

    def __init__(self, url: str, count: int, tokens: int) -> None:
        self._threads = ThreadPoolExecutor(count)
        self._tokens = tokens
        self._answers = [self._threads.submit(ask, url, tokens) for _ in range(count)]

    @property
    def all_run(self) -> bool:
        return not any(answer.done() for answer in self._answers)

    def all_complete(self, timeout_seconds: float = 60) -> None:
        """Wait for the ends, and hold every answer to the tokens it was to have."""
        usages = [answer.result(timeout_seconds) for answer in self._answers]
        assert usages == [self._tokens] * len(usages)


def ask(url: str, tokens: int, prompt: str = "one two three") -> int:
    """Stream one chat answer of so many tokens; returns the tokens that the engine counted."""
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with requests.post(f"{url}/v1/chat/completions", json=body, stream=True, timeout=120) as answer:
        answer.raise_for_status()
        events = [line.removeprefix(b"data: ") for line in answer.iter_lines() if line]
    if events[-1] != b"[DONE]":
        raise AssertionError(f"the stream broke off after {events[-1:]!r}")
    usage = json.loads(events[-2])["usage"]
    return int(usage["completion_tokens"])
