"""One run of the generator: schedule in, records and progress out."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pd_e2e.loadgen.client import ChatClient, Planned, open_session
from pd_e2e.loadgen.live import LiveStatistics, Objectives, ReplayStatistics
from pd_e2e.loadgen.prompts import PromptText
from pd_e2e.loadgen.records import STARTED, RequestRecord, write_records
from pd_e2e.loadgen.replay import replay
from pd_e2e.loadgen.schedule import Schedule

PROGRESS_PERIOD_SECONDS = 1.0


@dataclass(frozen=True)
class Target:
    """Where the requests go, and how long one may take."""

    url: str
    model: str
    timeout_seconds: float


@dataclass(frozen=True)
class ReplayClock:
    """Seconds since second 0 of the replay, steady whatever happens to the machine's clock."""

    started_unix_seconds: float
    started_monotonic_seconds: float

    @classmethod
    def starting_at(cls, unix_seconds: float) -> "ReplayClock":
        """Second 0 is `unix_seconds`, by the machine's clock as it stands now."""
        ahead = unix_seconds - time.time()
        return cls(unix_seconds, time.monotonic() + ahead)

    def __call__(self) -> float:
        """The second now; negative before the start."""
        return time.monotonic() - self.started_monotonic_seconds


@dataclass(frozen=True)
class Outputs:
    """Where a run writes; `progress` gets one JSON line per second."""

    records: Path
    progress: Path | None
    metadata: Mapping[str, str]


async def run(
    schedule: Schedule,
    target: Target,
    objectives: Objectives,
    outputs: Outputs,
    *,
    clock: ReplayClock,
    seed: int,
    stop: asyncio.Event,
) -> ReplayStatistics:
    """Play `schedule`, write its records, and return its statistics at the end.

    Setting `stop` ends it early; what has been recorded by then is written all the same.
    """
    live = LiveStatistics(objectives)
    records: list[RequestRecord] = []

    def on_sent(planned: Planned) -> None:
        live.sent(planned.scheduled_seconds)

    def on_record(record: RequestRecord) -> None:
        records.append(record)
        live.finished(record)

    def statistics() -> ReplayStatistics:
        return live.at(clock(), time.time())

    try:
        async with open_session(target.timeout_seconds) as session, asyncio.TaskGroup() as tasks:
            prompts = PromptText.random(seed)
            client = ChatClient(session, target.url, target.model, prompts, clock)
            reporting = tasks.create_task(_report(outputs.progress, statistics))
            await replay(
                schedule, client.send, clock=clock, stop=stop, on_sent=on_sent, on_record=on_record
            )
            reporting.cancel()
    finally:
        started = {STARTED: repr(clock.started_unix_seconds)}
        write_records(outputs.records, records, {**outputs.metadata, **started})
    final = statistics()
    _append(outputs.progress, final)
    return final


async def _report(path: Path | None, statistics: Callable[[], ReplayStatistics]) -> None:
    while True:
        _append(path, statistics())
        await asyncio.sleep(PROGRESS_PERIOD_SECONDS)


def _append(path: Path | None, statistics: ReplayStatistics) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(asdict(statistics)) + "\n")


def read_progress(path: Path) -> ReplayStatistics | None:
    """The newest complete line of a progress file; None while there is none."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().rpartition(b"\n")[0].splitlines()
    return ReplayStatistics(**json.loads(lines[-1])) if lines else None
