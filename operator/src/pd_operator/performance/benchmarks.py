"""Reads what benchmarks write: SGLang's own, one JSON object a line, and other clients' documents.

`sglang.benchmark.serving` gives points of prefill where a run made one token a request, and of
decode otherwise; `sglang.benchmark.one_batch_server` gives one of each a line. Both write
`Infinity`, which is no JSON; Python reads it all the same. Times are a client's, so HTTP and
scheduler are in them.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pd_operator.performance.client_results import ALONE, read_document, refuse_records
from pd_operator.performance.json_cursor import as_float
from pd_operator.performance.points import DecodePoint, PrefillPoint
from pd_operator.performance.profile import ProfileError

_MILLISECONDS = 1e-3


@dataclass(frozen=True)
class Measured:
    """Points found in benchmark results, and what the results tell of the server beside them."""

    prefill: tuple[PrefillPoint, ...] = ()
    decode: tuple[DecodePoint, ...] = ()
    kv_tokens: int | None = None
    engine_version: str | None = None

    def joined(self, other: "Measured") -> "Measured":
        """Points of both; the smaller KV capacity, the later version known."""
        rooms = [room for room in (self.kv_tokens, other.kv_tokens) if room is not None]
        return Measured(
            prefill=self.prefill + other.prefill,
            decode=self.decode + other.decode,
            kv_tokens=min(rooms, default=None),
            engine_version=other.engine_version or self.engine_version,
        )


def read_results(text: str, name: str) -> Measured:
    """All of one file; `ProfileError` names file, line and field of what is not understood.

    A line of a run in which no request ended says nothing and is passed over.
    """
    run = read_document(text, name)
    if run is not None:
        return Measured(run.prefill(), run.decode())
    measured = Measured()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            measured = measured.joined(_read_line(_Line.read(line, f"{name}, line {number}")))
    if not measured.prefill and not measured.decode:
        raise ProfileError(f"{name}: holds no measurement")
    return measured


def _read_line(line: "_Line") -> Measured:
    if line.has("completed"):
        return _serving(line)
    if line.has("batch_size"):
        return _one_batch(line)
    refuse_records(line.fields, line.place)
    raise ProfileError(
        f"{line.place}: is of neither sglang.benchmark.serving (no field 'completed') nor "
        "one_batch_server (no field 'batch_size'), nor a document of aiperf "
        "(profile_export_aiperf.json) or inference-perf (stage_N_lifecycle_metrics.json)"
    )


def _serving(line: "_Line") -> Measured:
    """A run at some concurrency: of prefill alone where every request made one token."""
    completed = line.number("completed", at_least=0)
    if completed < 1:
        return Measured()
    server = line.mapping("server_info")
    prompt = line.number("total_input_tokens") / completed
    output = line.number("total_output_tokens") / completed
    concurrency = line.number("concurrency")
    told = Measured(kv_tokens=_whole(server, "max_total_num_tokens"), engine_version=_text(server))
    if output < 2:
        if concurrency < ALONE:
            seconds = line.number("median_ttft_ms") * _MILLISECONDS
        else:  # never idle: what a prompt takes is what passes between two of them
            seconds = 1 / line.number("request_throughput")
        return replace(told, prefill=(PrefillPoint(prompt, seconds),))
    step = line.number("median_tpot_ms") * _MILLISECONDS
    if server.get("disaggregation_mode") in (None, "null"):
        # A server of both roles lets prompts in between two tokens; the median gap has none in it.
        # But gaps are between chunks: where those hold several tokens, they are the longer ones.
        step = min(step, line.number("median_itl_ms") * _MILLISECONDS)
    return replace(told, decode=(DecodePoint(concurrency, prompt + output / 2, step),))


def _one_batch(line: "_Line") -> Measured:
    """One batch: first tokens after `last_ttft`, all of them after `latency`."""
    batch, prompt = line.number("batch_size"), line.number("input_len")
    output, first, last = (line.number(name) for name in ("output_len", "last_ttft", "latency"))
    prefill = (PrefillPoint(prompt, first, batch),)
    if output < 2:
        return Measured(prefill)
    if last <= first:
        raise ProfileError(f"{line.place}: latency {last:g} is not above last_ttft {first:g}")
    step = (last - first) / (output - 1)
    return Measured(prefill, (DecodePoint(batch, prompt + output / 2, step),))


@dataclass(frozen=True)
class _Line:
    """One line's object, with its place for refusals."""

    fields: Mapping[str, object]
    place: str

    @classmethod
    def read(cls, line: str, place: str) -> "_Line":
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ProfileError(f"{place}: is not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise ProfileError(f"{place}: expected an object")
        return cls(fields, place)

    def has(self, name: str) -> bool:
        return name in self.fields

    def mapping(self, name: str) -> Mapping[str, object]:
        value = self.fields.get(name)
        return value if isinstance(value, dict) else {}

    def number(self, name: str, at_least: float = 1e-9) -> float:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ProfileError(f"{self.place}: {name}: expected a number, found {value!r}")
        number = as_float(value)
        if not math.isfinite(number) or number < at_least:
            raise ProfileError(f"{self.place}: {name}: {number:g} cannot be")
        return number


def _whole(server: Mapping[str, object], name: str) -> int | None:
    value = server.get(name)
    return value if isinstance(value, int) and value > 0 else None


def _text(server: Mapping[str, object]) -> str | None:
    version = server.get("version")
    return version if isinstance(version, str) else None
