"""What SGLang itself does on this machine's GPU: `make bench-engine`.

A prefill and a decode of a small model of random weights share the first GPU. Each is measured
alone as `kubectl pd profile measure` does it; then requests go through both, and each changes its
role and takes its own again. Where there is no GPU it says so in one line and ends well: nothing
else waits for these figures. `PD_SGLANG` is the environment that has SGLang for this GPU;
`PD_BENCH_CPU=1` measures the CPU instead, with the environment of `make e2e-sglang`.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from scripts.bench_format import Figure, write

from pd_e2e.engine.processes import Process, send_to_pair, until
from pd_e2e.sglang.environment import VERSION, ensure_environment
from pd_e2e.sglang.processes import GPU_FLAGS, SglangFleet
from pd_operator.api.roles import Role
from pd_operator.cli.profiling.measuring import Campaign, Outcome, run_campaign
from pd_operator.performance.campaign import Extent
from pd_operator.performance.points import PrefillPoint

_LIST_SECONDS = 30.0
_REQUESTS, _WORDS, _TOKENS = 20, 500, 20
_EXTENT = Extent(longest_prompt=1024, max_sequences=8)
_FLIPS = ("--enable-pd-role-switch", "--disaggregation-decode-enable-radix-cache")


def gpus() -> list[str]:
    """The GPUs that `nvidia-smi` lists, one line each; none where it is missing or fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        listed = subprocess.run(  # noqa: S603 - the program of the system
            [program, "--list-gpus"],
            check=False,
            capture_output=True,
            text=True,
            timeout=_LIST_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = listed.stdout.splitlines() if listed.returncode == 0 else []
    return [line for line in lines if line.startswith("GPU ")]


def transfer(prefill: Process, decode: Process) -> list[Figure]:
    """Requests through both: what the prefill's histograms say of their KV cache's way."""
    for room in range(1, _REQUESTS + 1):
        body = {
            "model": "model",
            "prompt": f"{room} " + "ab " * _WORDS,
            "max_tokens": _TOKENS,
            "bootstrap_room": room,
        }
        answers = send_to_pair(prefill, decode, "/v1/completions", body)
        if [status for status, _ in answers] != [200, 200]:
            raise RuntimeError(f"a request failed: {answers}")
    means = _means(prefill)
    names = ("sglang:kv_transfer_latency_ms", "sglang:kv_transfer_bootstrap_ms")
    return [Figure(name.removeprefix("sglang:"), means[name], "ms") for name in names]


def _means(worker: Process) -> dict[str, float]:
    """Mean of each histogram."""
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(worker.get("/metrics")[1])
        for sample in family.samples
        if sample.name.endswith(("_sum", "_count"))
    }
    return {
        name.removesuffix("_sum"): value / count
        for name, value in found.items()
        if (count := found.get(f"{name.removesuffix('_sum')}_count", 0.0)) > 0
    }


def role_switch(prefill: Process, decode: Process) -> list[Figure]:
    """To decode and back, each while idle: the first flip to decode captures CUDA graphs."""
    (state, *_) = decode.get_json("/server_info")["internal_states"]
    until(lambda: prefill.load()["num_running_reqs"] == 0, "the prefill is idle")
    figures = []
    for role in ("decode", "prefill"):
        begun = time.monotonic()
        memory = state["decode_cuda_graph_memory_gb"] or 0
        body = {"new_role": role, "decode_cuda_graph_memory_gb": memory}
        status, said = prefill.post("/pd_role_switch", body, 600.0)
        if status != 200:
            raise RuntimeError(f"no {role} of it: {said}")
        figures.append(Figure(f"switch to {role}", time.monotonic() - begun, "s"))
    return figures


def curves(outcome: Outcome) -> list[Figure]:
    """What a pass and a step took, in milliseconds."""
    return [
        Figure(
            str(found.probe),
            1e3 * found.point.seconds,
            "ms" if isinstance(found.point, PrefillPoint) else "ms a step",
        )
        for found in outcome.findings
    ]


def measure(fleet: SglangFleet, folder: Path) -> list[Figure]:
    """All figures of one pair."""
    prefill, decode = fleet.pair(*_FLIPS)
    urls = {Role.PREFILL: prefill.url, Role.DECODE: decode.url}
    campaign = Campaign(urls, folder / "points", _EXTENT)
    outcome = asyncio.run(run_campaign(campaign, lambda *_: None))
    return [*curves(outcome), *transfer(prefill, decode), *role_switch(prefill, decode)]


def main() -> int:
    """Measure, or say why not; returns the exit status."""

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - for who waits

    on_cpu = os.environ.get("PD_BENCH_CPU") == "1"
    found = gpus()
    if not found and not on_cpu:
        say("No GPU here that nvidia-smi lists: nothing is measured, and nothing waits for it.")
        return 0
    environment = Path(os.environ.get("PD_SGLANG", ""))
    if not on_cpu and not (environment / "bin" / "sglang").exists():
        say(f"{found[0]}: set PD_SGLANG to a virtual environment with sglang=={VERSION} in it")
        return 2
    say("the CPU" if on_cpu else found[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet = (
            SglangFleet(folder, ensure_environment())
            if on_cpu
            else SglangFleet(folder, environment, GPU_FLAGS, {"HF_HUB_OFFLINE": "1"})
        )
        try:
            return write("engine", measure(fleet, folder))
        finally:
            fleet.stop()


if __name__ == "__main__":
    sys.exit(main())
