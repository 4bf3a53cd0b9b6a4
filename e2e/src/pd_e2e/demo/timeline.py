"""What the demo's watcher saw, second by second: one JSON line per sample."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from pd_e2e.loadgen.schedule import FloatArray, IntArray
from pd_operator.api.roles import Role


@dataclass(frozen=True, slots=True)
class PoolSample:
    """Workers of one role: wanted, existing (starting and draining ones too), and ready.

    `flipped`: of those that exist, members of the other pool.
    """

    desired: int
    current: int
    ready: int
    flipped: int = 0


@dataclass(frozen=True, slots=True)
class Band:
    """Low, median and high quantile of a forecast."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class ForecastSample:
    """A forecast for one role, made at `made_unix_seconds` for `horizon_seconds` later.

    Tokens are prompt tokens for prefill and output tokens for decode.
    """

    made_unix_seconds: float
    horizon_seconds: float
    requests_per_second: Band
    tokens_per_second: Band


@dataclass(frozen=True, slots=True)
class TimelineSample:
    """The service at one moment, as its status and the operator's metrics tell it.

    `role_flips`: workers that had changed their role by then, since the operator began.
    """

    unix_seconds: float
    prefill: PoolSample
    decode: PoolSample
    prefill_forecast: ForecastSample | None
    decode_forecast: ForecastSample | None
    reason: str
    sentence: str
    role_flips: int = 0

    def pool(self, role: Role) -> PoolSample:
        """The workers of `role`."""
        return self.prefill if role is Role.PREFILL else self.decode

    def forecast(self, role: Role) -> ForecastSample | None:
        """The forecast for `role`; None while there is none."""
        return self.prefill_forecast if role is Role.PREFILL else self.decode_forecast


_SAMPLE = TypeAdapter(TimelineSample)

Timeline = tuple[TimelineSample, ...]


def append_sample(path: Path, sample: TimelineSample) -> None:
    """Append `sample` to the file."""
    with path.open("ab") as file:
        file.write(_SAMPLE.dump_json(sample) + b"\n")


def read_timeline(path: Path) -> Timeline:
    """All samples of the file; a line that was cut off by a crash is left out."""
    lines = path.read_bytes().rpartition(b"\n")[0].splitlines()
    return tuple(_SAMPLE.validate_json(line) for line in lines)


@dataclass(frozen=True, eq=False)
class PoolSteps:
    """The workers of one role over time: each value holds from its second to the next one's."""

    seconds: FloatArray
    desired: IntArray
    current: IntArray
    ready: IntArray

    def integral(self, values: IntArray, end_seconds: float) -> float:
        """Worker-seconds of `values` from second 0 to `end_seconds`.

        The first value also holds before its second.
        """
        edges = np.clip(np.append(self.seconds, np.inf), 0.0, end_seconds)
        edges[0] = 0.0
        return float(np.sum(values * np.diff(edges)))


def pool_steps(timeline: Timeline, role: Role, started_unix_seconds: float) -> PoolSteps:
    """The samples of one role, in seconds since `started_unix_seconds`.

    Raises ValueError for an empty timeline.
    """
    if not timeline:
        raise ValueError("the timeline has no samples")
    pools = [sample.pool(role) for sample in timeline]
    return PoolSteps(
        seconds=np.array([sample.unix_seconds for sample in timeline]) - started_unix_seconds,
        desired=np.array([pool.desired for pool in pools]),
        current=np.array([pool.current for pool in pools]),
        ready=np.array([pool.ready for pool in pools]),
    )
