"""Reads what load generators of other hands write: one JSON document a run.

aiperf's `profile_export_aiperf.json` and inference-perf's `stage_N_lifecycle_metrics.json`. Both
reckon a time per output token as (latency - time to first chunk) / (tokens - 1), whatever came in
one chunk; gaps between chunks are never taken for it. They tell nothing of the server.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pd_operator.performance.json_cursor import as_float
from pd_operator.performance.points import DecodePoint, PrefillPoint
from pd_operator.performance.profile import ProfileError

ALONE = 1.5
"""Fewer requests at a time than this: none waited for another."""

_SECONDS = {"ms": 1e-3, "sec": 1.0, "s": 1.0}


@dataclass(frozen=True)
class ClientRun:
    """Means of one run: tokens of a request, requests at a time and a second, times in seconds.

    `step_seconds` is the typical time per output token; None where each request made one.
    """

    prompt_tokens: float
    output_tokens: float
    requests_per_second: float
    first_token_seconds: float
    decode_concurrency: float
    concurrency: float
    step_seconds: float | None

    def prefill(self) -> tuple[PrefillPoint, ...]:
        """A pass, of a run in which requests made one token each."""
        if self.output_tokens >= 2:
            return ()
        alone = self.concurrency < ALONE
        # Never idle: what a prompt takes is what passes between two of them.
        seconds = self.first_token_seconds if alone else 1 / self.requests_per_second
        return (PrefillPoint(self.prompt_tokens, seconds),)

    def decode(self) -> tuple[DecodePoint, ...]:
        """A step, of a run in which requests made several tokens."""
        if self.output_tokens < 2 or self.step_seconds is None:
            return ()
        context = self.prompt_tokens + self.output_tokens / 2
        return (DecodePoint(max(1.0, self.decode_concurrency), context, self.step_seconds),)


def read_document(text: str, name: str) -> ClientRun | None:
    """The run in a file that is one document of a known kind; None where it is none.

    `ProfileError` names the field that is not understood, or the file to give instead.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    fields = _Fields(document, name)
    if "aiperf_version" in document:
        return _aiperf(fields)
    if "load_summary" in document and "successes" in document:
        if "requested_rate" not in fields.mapping("load_summary"):
            raise ProfileError(
                f"{name}: is inference-perf's summary of all stages, whose rates differ; give its "
                "stage_N_lifecycle_metrics.json instead"
            )
        return _inference_perf(fields)
    return None


def refuse_records(line: Mapping[str, object], place: str) -> None:
    """Refuse a line of aiperf's file of single requests, and say which file to give."""
    metadata = line.get("metadata")
    if isinstance(metadata, dict) and "x_correlation_id" in metadata:
        raise ProfileError(
            f"{place}: is one request of aiperf; give its profile_export_aiperf.json instead"
        )


def _aiperf(fields: "_Fields") -> ClientRun:
    output = fields.number("output_sequence_length", "avg")
    several = output >= 2
    step = fields.seconds("inter_token_latency", "p50") if several else None
    return ClientRun(
        prompt_tokens=fields.number("input_sequence_length", "avg"),
        output_tokens=output,
        requests_per_second=fields.number("request_throughput", "avg"),
        first_token_seconds=fields.seconds("time_to_first_token", "p50"),
        decode_concurrency=fields.number("effective_decode_concurrency", "avg") if several else 0.0,
        concurrency=fields.number("effective_concurrency", "avg"),
        step_seconds=step,
    )


def _inference_perf(fields: "_Fields") -> ClientRun:
    output = fields.number("successes", "output_tokens", "mean")
    rate = fields.number("successes", "throughput", "requests_per_sec")
    latency = fields.number("successes", "latency", "request_latency", "mean")
    first = fields.number("successes", "latency", "time_to_first_token", "mean")
    several = output >= 2
    step = ("successes", "latency", "time_per_output_token", "median")
    return ClientRun(
        prompt_tokens=fields.number("successes", "prompt_tokens", "mean"),
        output_tokens=output,
        requests_per_second=rate,
        first_token_seconds=fields.number("successes", "latency", "time_to_first_token", "median"),
        # Little's law, since it does not tell.
        decode_concurrency=rate * max(0.0, latency - first),
        concurrency=rate * latency,
        step_seconds=fields.number(*step) if several else None,
    )


@dataclass(frozen=True)
class _Fields:
    """A document, with its name for refusals."""

    document: Mapping[str, object]
    name: str

    def value(self, *path: str) -> object:
        found: object = self.document
        for part in path:
            if not isinstance(found, dict) or part not in found:
                raise ProfileError(f"{self.name}: has no {'.'.join(path)}; was it no stream?")
            found = found[part]
        return found

    def mapping(self, name: str) -> Mapping[str, object]:
        found = self.document.get(name)
        return found if isinstance(found, dict) else {}

    def number(self, *path: str) -> float:
        value = self.value(*path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            where = ".".join(path)
            raise ProfileError(f"{self.name}: {where}: expected a number, found {value!r}")
        number = as_float(value)
        if not 0 < number < float("inf"):
            raise ProfileError(f"{self.name}: {'.'.join(path)}: {number:g} cannot be")
        return number

    def seconds(self, metric: str, figure: str) -> float:
        """A figure of aiperf, which tells the unit beside it."""
        unit = self.value(metric, "unit")
        if unit not in _SECONDS:
            raise ProfileError(f"{self.name}: {metric}.unit: expected ms or sec, found {unit!r}")
        return self.number(metric, figure) * _SECONDS[str(unit)]
