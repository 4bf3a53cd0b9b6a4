"""`sglang.benchmark.serving` against the pair, and its result file as it is."""

import os
import subprocess
from pathlib import Path

from pd_e2e.engine.processes import Process
from pd_e2e.sglang.environment import VARIABLES, ensure_environment
from pd_operator.performance.benchmarks import read_results

from .conftest import PACE

REQUESTS, PROMPT_TOKENS, ANSWER_TOKENS = 12, 100, 24


def test_a_run_through_the_router_is_imported_as_steps_of_decode(
    real: tuple[Process, Process], router: tuple[Process, Path], tmp_path: Path
) -> None:
    results = tmp_path / "serving.jsonl"
    options = {
        # The other one asks for best_of with a stream, which the router refuses.
        "--backend": "sglang-oai-chat",
        "--base-url": router[0].url,
        "--model": "model",
        "--tokenizer": real[0].get_json("/server_info")["model_path"],
        "--dataset-name": "random-ids",
        "--random-input-len": PROMPT_TOKENS,
        "--random-output-len": ANSWER_TOKENS,
        "--random-range-ratio": 1.0,
        "--num-prompts": REQUESTS,
        "--request-rate": 2,
        "--output-file": results,
    }
    client = (ensure_environment() / "bin" / "python", "-m", "sglang.benchmark.serving")
    words = (str(word) for option in options.items() for word in option)
    done = subprocess.run(
        [*map(str, client), *words],
        env={**os.environ, **VARIABLES},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    measured = read_results(results.read_text(encoding="utf-8"), results.name)
    assert measured.prefill == ()
    (step,) = measured.decode
    assert step.seconds > (PACE.decode_ms + PACE.decode_sequence_ms) / 1e3
    assert step.context_tokens >= PROMPT_TOKENS
