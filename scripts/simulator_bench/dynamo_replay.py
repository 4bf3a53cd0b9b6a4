"""Replays a trace in ai-dynamo 1.5.1; run by the Python of a virtual environment that has it.

Arguments: a JSON file that says what to replay, and where to write a NumPy file of the latencies.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

dynamo = importlib.import_module("dynamo._core")  # only this script's Python has it


def engine(kind: str, asked: dict[str, Any]) -> Any:
    """Arguments of one worker of SGLang's scheduler."""
    return dynamo.MockEngineArgs(
        engine_type="sglang",
        num_gpu_blocks=asked[kind]["kv_tokens"],
        block_size=1,
        max_num_seqs=asked["running_requests"],
        max_num_batched_tokens=asked["pass_tokens"],
        enable_prefix_caching=False,
        worker_type=kind,
        planner_profile_data=asked[kind]["tables"],
        kv_bytes_per_token=asked["kv_bytes_per_token"],
        kv_transfer_bandwidth=asked["transfer_bytes_per_second"] / 1e9,
        kv_transfer_timing_mode="full_prompt",
        sglang=dynamo.SglangArgs(
            chunked_prefill_size=asked["chunk_tokens"],
            max_prefill_tokens=asked["pass_tokens"],
            page_size=1,
        ),
    )


def main(asked_path: str, answer_path: str) -> None:
    """Replay, and save TTFT of each request, and TPOT where there is one, in seconds."""
    asked = json.loads(Path(asked_path).read_text(encoding="utf-8"))
    replayed = dynamo.run_mocker_trace_replay(
        [asked["trace"]],
        prefill_engine_args=engine("prefill", asked),
        decode_engine_args=engine("decode", asked),
        num_prefill_workers=asked["prefill"]["workers"],
        num_decode_workers=asked["decode"]["workers"],
        router_mode=asked["router"],
        trace_block_size=asked["trace_block_tokens"],
        capture_per_request=True,
    )
    requests = sorted(replayed.per_request, key=lambda request: request["arrival_time_ms"])
    ttft = [request["ttft_ms"] / 1e3 for request in requests]
    tpot = [
        (request["last_token_ms"] - request["first_token_ms"])
        / (request["output_length"] - 1)
        / 1e3
        for request in requests
        if request["output_length"] > 1
    ]
    np.savez(answer_path, ttft=np.array(ttft), tpot=np.array(tpot))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
