"""The days before the replay, as Prometheus would have scraped them.

Without a history a forecaster knows nothing. A real cluster has one after a few days; the demo
writes it in OpenMetrics text, which `promtool tsdb create-blocks-from openmetrics` turns into
blocks. It holds the series that the operator asks for, with the labels of scraped pods, from
Poisson arrivals at the trace's rates: the same noise that the replay has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pd_e2e.engine.metric_families import TOKENS
from pd_e2e.loadgen.scenario import TraceScenario
from pd_e2e.loadgen.schedule import FloatArray, IntArray, Schedule
from pd_operator.api.names import ServiceKey

POD = "history"
CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class History:
    """What is written: whose series, until when, and how often they were scraped.

    `end_unix_seconds` is the moment of replay second `end_seconds`. It must lie before
    Prometheus' first own sample: Prometheus refuses samples older than its newest block.
    """

    service: ServiceKey
    model: str
    end_unix_seconds: float
    end_seconds: float = 0.0
    bin_seconds: float = 5.0
    seed: int = 1


def write_history(path: Path, history: History, scenario: TraceScenario) -> int:
    """Write everything that comes before the replay; returns the number of samples."""
    arrivals = scenario.arrivals(-scenario.history_seconds, history.end_seconds, history.seed)
    samples = 0
    with path.open("w", encoding="utf-8") as file:
        for line in exposition(arrivals, history, -scenario.history_seconds):
            file.write(line)
            samples += not line.startswith("#")
    return samples


def exposition(arrivals: Schedule, history: History, start_seconds: float) -> Iterator[str]:
    """The lines of the OpenMetrics text, family by family."""
    times = _scrapes(start_seconds, history.end_seconds, history.bin_seconds)
    counts = np.searchsorted(arrivals.seconds, times, side="right")
    unix = [f"{moment:.3f}" for moment in times - history.end_seconds + history.end_unix_seconds]
    yield from _counter(history, counts, unix)
    prompts = ("prompt_tokens_histogram", "uncached_prompt_tokens_histogram")
    for name in prompts:
        yield from _histogram(history, name, "prefill", arrivals.input_tokens, counts, unix)
    answers = "generation_tokens_histogram"
    yield from _histogram(history, answers, "decode", arrivals.output_tokens, counts, unix)
    yield "# EOF\n"


def _scrapes(start_seconds: float, end_seconds: float, bin_seconds: float) -> FloatArray:
    """Moments of the scrapes; the last one is at the end, the first may come a little late."""
    steps = int((end_seconds - start_seconds) / bin_seconds)
    times: FloatArray = end_seconds - np.arange(steps, -1, -1, dtype=np.float64) * bin_seconds
    return times


def _counter(history: History, counts: IntArray, unix: Sequence[str]) -> Iterator[str]:
    labels = _labels(history, "router", {"method": "POST", "path": CHAT_PATH})
    yield "# TYPE smg_http_requests counter\n"
    yield from _series(f"smg_http_requests_total{{{labels}}}", counts, unix)


def _histogram(
    history: History,
    name: str,
    role: str,
    tokens: IntArray,
    counts: IntArray,
    unix: Sequence[str],
) -> Iterator[str]:
    """A histogram of `tokens` (one per arrival) after the first `counts[i]` arrivals."""
    family = f"sglang:{name}"
    labels = _labels(history, role, {"engine_type": role, "model_name": history.model})
    yield f"# TYPE {family} histogram\n"
    for edge in TOKENS:
        within = _after(tokens <= edge, counts)
        yield from _series(f'{family}_bucket{{{labels},le="{float(edge)!r}"}}', within, unix)
    yield from _series(f'{family}_bucket{{{labels},le="+Inf"}}', counts, unix)
    yield from _series(f"{family}_sum{{{labels}}}", _after(tokens, counts), unix)
    yield from _series(f"{family}_count{{{labels}}}", counts, unix)


def _after(values: np.typing.NDArray[np.generic], counts: IntArray) -> IntArray:
    """The sum of the first `counts[i]` of `values`, for each i."""
    total: IntArray = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))[counts]
    return total


def _series(name: str, values: IntArray, unix: Sequence[str]) -> Iterator[str]:
    for value, moment in zip(values.tolist(), unix, strict=True):
        yield f"{name} {value} {moment}\n"


def _labels(history: History, role: str, own: Mapping[str, str]) -> str:
    scraped = {
        "namespace": history.service.namespace,
        "pod": POD,
        "pd_service": history.service.name,
        "pd_role": role,
    }
    return ",".join(f'{name}="{value}"' for name, value in {**own, **scraped}.items())
