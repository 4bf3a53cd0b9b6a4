"""A policy of ours sizes the pools in Dynamo's replay, over a pipe."""

import json
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import IO

import numpy as np
from scripts.nvidia_replay.told import Tick
from scripts.nvidia_replay.translation import Translation
from scripts.simulator_bench.against_dynamo import TRACE_BLOCK_TOKENS, write_tables, write_trace

from pd_operator.demand import FloatArray
from pd_operator.performance import EngineSurfaces
from pd_operator.planning.objectives import Objectives
from pd_operator.simulation import Policy, Pools, PoolSizes, Requests

_DEADLINE_SECONDS = 900.0
"""A replay that takes longer has got stuck."""
_TRANSFER_GIGABYTES_PER_SECOND = 64.0
"""What Dynamo's own mocker takes for a transfer of KV between workers."""


@dataclass(frozen=True, eq=False)
class Replayed:
    """What became of all requests, in order of arrival, in seconds since the first; NaN: unknown.

    `sizes`: the pools at each tick, empty where nobody sized them. `gpu_hours` are Dynamo's: all
    workers, from the asking for one until it is drained.
    """

    arrival_seconds: FloatArray
    ttft_seconds: FloatArray
    tpot_seconds: FloatArray
    gpu_hours: float
    sizes: tuple[PoolSizes, ...]

    def met(self, objectives: Objectives) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Whether each request was within both objectives."""
        in_time = self.ttft_seconds <= objectives.ttft.seconds
        return np.asarray(in_time & (self.tpot_seconds <= objectives.tpot.seconds))

    def share(self, objectives: Objectives) -> float:
        """Of all offered requests, those within both objectives."""
        return float(self.met(objectives).mean())


@dataclass(frozen=True)
class Stage:
    """What is replayed: requests, workers of both roles alike, their start-up, and the first pools.

    `python`: an interpreter that has ai-dynamo 1.5.1.
    """

    requests: Requests
    worker: EngineSurfaces
    startup_seconds: float
    begin: Pools
    python: str


def replay(stage: Stage, policy: Policy | None = None) -> Replayed:
    """Replay; without a policy the pools stay as they begin. `RuntimeError` where Dynamo fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_trace(stage.requests, folder / "trace.jsonl")
        write_tables(stage.worker, folder / "tables.npz")
        asked = {
            "trace": str(folder / "trace.jsonl"),
            "tables": str(folder / "tables.npz"),
            "kv_tokens": stage.worker.kv_capacity_tokens,
            "kv_bytes_per_token": stage.worker.kv_bytes_per_token,
            "transfer_gigabytes_per_second": _TRANSFER_GIGABYTES_PER_SECOND,
            "block_tokens": TRACE_BLOCK_TOKENS,
            "prefill": stage.begin.prefill,
            "decode": stage.begin.decode,
            "startup_seconds": stage.startup_seconds,
            "period_seconds": policy.period_seconds if policy else 0.0,
            "is_scaled": policy is not None,
        }
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        sizes = _run(stage, policy, folder)
        with np.load(folder / "answer.npz") as found:
            return Replayed(
                arrival_seconds=found["arrival"],
                ttft_seconds=found["ttft"],
                tpot_seconds=found["tpot"],
                gpu_hours=float(found["gpu_hours"]),
                sizes=tuple(sizes),
            )


def _run(stage: Stage, policy: Policy | None, folder: Path) -> list[PoolSizes]:
    translation = Translation(stage.requests, stage.worker.kv_capacity_tokens)
    hook = Path(__file__).with_name("hook.py")
    command = (stage.python, str(hook), str(folder / "asked.json"), str(folder / "answer.npz"))
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("w+", encoding="utf-8"))
        process = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - our script, by the Python that the caller names
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        )
        deadline = Timer(_DEADLINE_SECONDS, process.kill)
        deadline.start()
        stack.callback(deadline.cancel)
        stack.callback(process.kill)  # where answering fails; one that has ended does not mind
        sizes = _answered(process, policy, translation)
        if process.wait():
            log.seek(0)
            raise RuntimeError(f"Dynamo's replay failed:\n{log.read()[-2000:]}")
    return sizes


def _answered(
    process: subprocess.Popen[str], policy: Policy | None, translation: Translation
) -> list[PoolSizes]:
    """Answer each tick until the replay is over."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    return [
        _answer(Tick.model_validate_json(line), policy, translation, process.stdin)
        for line in process.stdout
        if policy is not None
    ]


def _answer(tick: Tick, policy: Policy, translation: Translation, to: IO[str]) -> PoolSizes:
    snapshot = translation.snapshot(tick)
    wanted = policy.decide(snapshot)
    to.write(json.dumps({"target_prefill": wanted.prefill, "target_decode": wanted.decode}) + "\n")
    to.flush()
    return PoolSizes(
        time_seconds=snapshot.time_seconds,
        prefill_wanted=wanted.prefill,
        decode_wanted=wanted.decode,
        prefill_serving=snapshot.prefill.serving,
        decode_serving=snapshot.decode.serving,
    )
