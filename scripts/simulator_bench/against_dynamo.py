"""The same load, tables and pools in ai-dynamo's replay and in our simulator.

What Dynamo 1.5.1 models differently is put into our simulator's input, so that the comparison is
of the simulators and not of their assumptions:

- A pass costs its total of new tokens, however many prompts they belong to, and attention to
  earlier chunks is free.
- A prefill worker makes the first token with a decode step of its own, after the pass.
- The decode worker makes that token again: it is the client's first.
- A prompt that does not fit what others left of a pass waits for the next: it is not split.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pd_operator.api.router import PrefillPolicy
from pd_operator.demand import FloatArray
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.table import MonotoneTable
from pd_operator.simulation import EngineLimits, Pools, Requests, ServiceModel, simulate

_LIMITS = EngineLimits(
    chunk_tokens=8192, pass_tokens=16384, fills_passes=False, running_requests=4096
)
TRACE_BLOCK_TOKENS = 64
SHARES = (0.5, 0.9, 0.99)


@dataclass(frozen=True)
class Case:
    """One load on one fixed service; decode workers are like prefill workers unless given."""

    name: str
    requests: Requests
    worker: EngineSurfaces
    pools: Pools
    transfer_bytes_per_second: float = 25e9
    decode_worker: EngineSurfaces | None = None
    router: str = "round_robin"


@dataclass(frozen=True)
class Latencies:
    """Seconds of each request, in order of arrival; TPOT only of those with more than one token."""

    ttft: FloatArray
    tpot: FloatArray
    cpu_seconds: float

    def quantiles(self) -> tuple[list[float], list[float]]:
        """TTFT and TPOT at `SHARES`, in milliseconds."""
        return (
            [1e3 * float(value) for value in np.quantile(self.ttft, SHARES)],
            [1e3 * float(value) for value in np.quantile(self.tpot, SHARES)],
        )


@dataclass(frozen=True)
class Comparison:
    """Both answers to one case."""

    case: Case
    ours: Latencies
    theirs: Latencies

    @property
    def tpot_error(self) -> float:
        """The largest error of a TPOT quantile, over Dynamo's."""
        pairs = zip(self.ours.quantiles()[1], self.theirs.quantiles()[1], strict=True)
        return max(abs(ours / theirs - 1) for ours, theirs in pairs)

    @property
    def ttft_p90_excess(self) -> float:
        """Error of the TTFT at P90 beyond 10 ms, over Dynamo's."""
        ours, theirs = (side.quantiles()[0][1] for side in (self.ours, self.theirs))
        return max(0.0, abs(ours - theirs) - 10.0) / theirs


def dynamo_python() -> str | None:
    """A Python with ai-dynamo: `$PD_DYNAMO_PYTHON`, or this one; None without."""
    named = os.environ.get("PD_DYNAMO_PYTHON")
    if named:
        return named
    return sys.executable if find_spec("dynamo") else None


def compare(case: Case, python: str) -> Comparison:
    """Run both."""
    return Comparison(case, _simulated(case), replay(case, python))


def _simulated(case: Case) -> Latencies:
    requests = case.requests
    once_more = Requests.of(
        requests.arrival_seconds, requests.prompt_tokens, requests.output_tokens + 1
    )
    service = ServiceModel(
        _as_replayed(case.worker),
        case.worker,
        transfer_bytes_per_second=case.transfer_bytes_per_second,
        transfer_base_seconds=0.0,
        prefill_policy=PrefillPolicy.ROUND_ROBIN,
        limits=_LIMITS,
    )
    begun = time.process_time()
    result = simulate(once_more, service, case.pools)
    spent = time.process_time() - begun
    tpot = result.tpot_seconds.astype(np.float64)
    return Latencies(result.ttft_seconds + tpot, tpot[requests.output_tokens > 1], spent)


@dataclass(frozen=True)
class _TotalTokens(MonotoneTable):
    """Prefill by the total of new tokens; a pass that completes a prompt takes a step more.

    A full pass over one prompt is taken for a chunk of it, one that completes nothing.
    """

    step: MonotoneTable

    def at(self, x: float, y: float) -> float:
        """Seconds of a pass over `y` prompts of `x` tokens."""
        seconds = super().at(x * y, 1.0)
        if y == 1 and x >= _LIMITS.budget_tokens:
            return seconds
        return seconds + self.step.at(y, x)

    def at_each(self, x: FloatArray | float, y: FloatArray | float) -> FloatArray:
        """As `at`, for each pair."""
        each = np.vectorize(self.at, otypes=[np.float64])
        return np.asarray(each(x, y), dtype=np.float64)


def _as_replayed(worker: EngineSurfaces) -> EngineSurfaces:
    """The worker as Dynamo's prefill has it."""
    table = worker.prefill
    prefill = _TotalTokens(table.xs, table.ys, table.rows, worker.decode_step)
    free = MonotoneTable((0.0, 1.0), (0.0, 1.0), ((1.0, 1.0), (1.0, 1.0)))
    return replace(worker, prefill=prefill, prefixed_prefill=free)


def replay(case: Case, python: str) -> Latencies:
    """What Dynamo makes of a case."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_trace(case.requests, folder / "trace.jsonl")
        asked = {
            "trace": str(folder / "trace.jsonl"),
            "prefill": _pool(case.worker, case.pools.prefill, folder / "prefill.npz"),
            "decode": _pool(
                case.decode_worker or case.worker, case.pools.decode, folder / "decode.npz"
            ),
            "router": case.router,
            "kv_bytes_per_token": case.worker.kv_bytes_per_token,
            "transfer_bytes_per_second": case.transfer_bytes_per_second,
            "chunk_tokens": _LIMITS.chunk_tokens,
            "pass_tokens": _LIMITS.pass_tokens,
            "running_requests": _LIMITS.running_requests,
            "trace_block_tokens": TRACE_BLOCK_TOKENS,
        }
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        script = Path(__file__).with_name("dynamo_replay.py")
        answer = folder / "answer.npz"
        command = (python, str(script), str(folder / "asked.json"), str(answer))
        before = os.times().children_user
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our script, by the Python that the caller names
        if done.returncode:
            raise RuntimeError(f"Dynamo's replay of {case.name} failed:\n{done.stderr[-2000:]}")
        spent = os.times().children_user - before
        with np.load(answer) as found:
            return Latencies(found["ttft"], found["tpot"], spent)


def _pool(worker: EngineSurfaces, workers: int, tables: Path) -> dict[str, str | int]:
    write_tables(worker, tables)
    return {"tables": str(tables), "kv_tokens": worker.kv_capacity_tokens, "workers": workers}


def write_tables(worker: EngineSurfaces, path: Path) -> None:
    """Dynamo's NPZ: prefill over tokens, decode steps over KV in the batch and context."""
    tokens = np.unique(np.concatenate([np.arange(1, 2049, 16), np.geomspace(2048, 131_072, 400)]))
    kv = np.unique(np.concatenate([[1.0], np.geomspace(64, 2e6, 400)]))
    context = np.unique(np.geomspace(16, 131_072, 300))
    batch = np.maximum(1.0, kv[:, None] / context[None, :])
    step = worker.decode_step_seconds_each(batch, np.broadcast_to(context, batch.shape))
    np.savez(
        path,
        prefill_isl=tokens,
        prefill_ttft_ms=1e3 * worker.prefill_seconds_each(tokens),
        decode_active_kv_tokens=kv,
        decode_context_length=context,
        decode_itl=1e3 * step,
    )


def write_trace(requests: Requests, path: Path) -> None:
    """Mooncake's format; no two prompts share a block."""
    columns = (requests.arrival_seconds, requests.prompt_tokens, requests.output_tokens)
    first = 0
    with path.open("w", encoding="utf-8") as file:
        for at, prompt, output in zip(*(column.tolist() for column in columns), strict=True):
            blocks = -(-prompt // TRACE_BLOCK_TOKENS)
            line = {
                "timestamp": 1e3 * at,
                "input_length": prompt,
                "output_length": output,
                "hash_ids": list(range(first, first + blocks)),
            }
            first += blocks
            file.write(json.dumps(line) + "\n")
