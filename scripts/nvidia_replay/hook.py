"""Replays a trace in ai-dynamo 1.5.1 while somebody outside sizes its pools; run by its Python.

Arguments: a JSON file that says what to replay, and where to write a NumPy file of what came of it.
What the replay tells its scaling policy goes to standard output, a JSON line each; the answer is
the next line of standard input. Nothing else is written there.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

dynamo = importlib.import_module("dynamo._core")  # only this script's Python has it


class AskedOutside:
    """A scaling policy that hands on what it is told, and does what it is answered."""

    def __init__(self, period_ms: float) -> None:
        self._period_ms = period_ms

    def initial_tick_ms(self) -> float:
        """When Dynamo asks first."""
        return self._period_ms

    def on_tick(self, told: dict[str, Any]) -> dict[str, Any]:
        """Workers wanted from now on, and when to ask again."""
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise RuntimeError("nobody answers any more")
        return {**json.loads(answer), "next_tick_ms": told["now_ms"] + self._period_ms}


def engine(kind: str, asked: dict[str, Any]) -> Any:
    """One worker: Dynamo's defaults, but for its tables, its KV cache and its start-up time.

    vLLM's scheduler is Dynamo's default; its SGLang core can loop for ever in deep overload.
    """
    return dynamo.MockEngineArgs(
        num_gpu_blocks=asked["kv_tokens"] // asked["block_tokens"],
        block_size=asked["block_tokens"],
        enable_prefix_caching=False,
        worker_type=kind,
        planner_profile_data=asked["tables"],
        kv_bytes_per_token=asked["kv_bytes_per_token"],
        kv_transfer_bandwidth=asked["transfer_gigabytes_per_second"],
        startup_time=asked["startup_seconds"],
    )


def main(asked_path: str, answer_path: str) -> None:
    """Replay; save arrivals and latencies of all requests in seconds, and GPU-hours."""
    asked = json.loads(Path(asked_path).read_text(encoding="utf-8"))
    policy = {"scaling_policy": AskedOutside(1e3 * asked["period_seconds"])}
    replayed = dynamo.run_mocker_trace_replay(
        [asked["trace"]],
        prefill_engine_args=engine("prefill", asked),
        decode_engine_args=engine("decode", asked),
        num_prefill_workers=asked["prefill"],
        num_decode_workers=asked["decode"],
        router_mode="round_robin",
        trace_block_size=asked["block_tokens"],
        capture_per_request=True,
        **policy if asked["is_scaled"] else {},
    )
    requests = sorted(replayed.per_request, key=lambda request: request["arrival_time_ms"])
    columns = {"arrival": "arrival_time_ms", "ttft": "ttft_ms", "tpot": "itl_ms"}
    seconds: dict[str, Any] = {
        column: np.array([request[name] for request in requests], dtype=np.float64) / 1e3
        for column, name in columns.items()
    }
    np.savez(answer_path, gpu_hours=replayed.summary["gpu_hours"], **seconds)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
