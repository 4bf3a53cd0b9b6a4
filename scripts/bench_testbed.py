"""What the engine simulator and SGLang's router hold on this machine, and what a request costs.

One prefill and one decode behind the real router, loaded open-loop. The ideal is what the same
schedulers make of the same arrivals with no process, socket or router in between, so an error is
what this machine adds. Step times are a quarter of the profile's: one pair then takes rates at
which the machine, not the simulated GPU, is the limit.
"""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from scripts.bench_format import Figure, write

from pd_e2e.engine.decode import DecodeLimits
from pd_e2e.engine.pair import Arrival, Pair
from pd_e2e.engine.prefill import PrefillLimits
from pd_e2e.engine.processes import Fleet, Process, write_worker_table
from pd_e2e.engine.settings import Settings
from pd_e2e.engine.timings import load_profile
from pd_operator.performance.timing import KvLink, Timings

PROFILE, TIME_SCALE = "llama-3.1-8b-h100", 0.25
PROMPT_TOKENS, OUTPUT_TOKENS, STREAM_INTERVAL = 1500, 110, 16
RATES, SECONDS_PER_RATE, WARM_UP = (20.0, 35.0, 50.0, 70.0, 90.0), 12.0, 10
REFERENCE_RATE = 35.0
TTFT_ERROR_LIMIT_MILLISECONDS = 20.0
STREAMS, STREAM_PROMPT, STREAM_TOKENS, TPOT_ERROR_LIMIT = (16, 32, 64, 128), 16, 2000, 0.05


@dataclass(frozen=True)
class Sample:
    """One request as its client saw it, in seconds."""

    ttft: float
    tpot: float


@dataclass(frozen=True)
class Shape:
    """Tokens of every prompt and every output of a load."""

    prompt: int
    output: int


REQUESTS = Shape(PROMPT_TOKENS, OUTPUT_TOKENS)
CHUNKS = Shape(STREAM_PROMPT, STREAM_TOKENS)


@dataclass
class Load:
    """What came of one load, and the CPU seconds that each process spent on it."""

    arrivals: Sequence[float]
    shape: Shape
    samples: list[Sample] = field(default_factory=list)
    failed: int = 0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def cpu_per(self, units: int, scale: float) -> dict[str, float]:
        """CPU seconds times `scale` for each of `units`, by process."""
        return {name: scale * spent / units for name, spent in self.cpu_seconds.items()}


Stack = dict[str, Process]


@contextmanager
def stack(stream_interval: int) -> Iterator[Stack]:
    """A prefill, a decode and the router."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet = Fleet(folder)
        try:
            env = {"PD_ENGINE_PROFILE": PROFILE, "PD_ENGINE_TIME_SCALE": str(TIME_SCALE)}
            prefill, decode = fleet.pair("--stream-interval", str(stream_interval), env=env)
            write_worker_table(folder / "workers.json", [prefill], [decode])
            router = fleet.router(folder / "workers.json").until_ready("/readiness")
            yield {"prefill": prefill, "decode": decode, "router": router}
        finally:
            fleet.stop()


def cpu_seconds(process: Process) -> float:
    """User and system time of a process so far, all threads."""
    stat = Path(f"/proc/{process.process.pid}/stat").read_text(encoding="ascii")
    fields = stat.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def one(session: aiohttp.ClientSession, url: str, load: Load) -> None:
    """Send one streaming request and note when its text came."""
    body = {
        "model": "model",
        "prompt": "word " * load.shape.prompt,
        "max_tokens": load.shape.output,
        "stream": True,
    }
    begun = time.perf_counter()
    first = last = 0.0
    async with session.post(f"{url}/v1/completions", json=body) as answer:
        async for _ in answer.content.iter_any():
            last = time.perf_counter()
            first = first or last
        if answer.status == 200 and first:
            load.samples.append(Sample(first - begun, (last - first) / (load.shape.output - 1)))
        else:
            load.failed += 1


async def apply(processes: Stack, arrivals: Sequence[float], shape: Shape) -> Load:
    """Send a request at each arrival, whatever the answers do, and wait for all of them."""
    load = Load(arrivals, shape)
    before = {name: cpu_seconds(process) for name, process in processes.items()}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        url = processes["router"].url
        begun = time.perf_counter()
        tasks = []
        for arrival in arrivals:
            await asyncio.sleep(begun + arrival - time.perf_counter())
            tasks.append(asyncio.create_task(one(session, url, load)))
        await asyncio.gather(*tasks)
        load.seconds = time.perf_counter() - begun
    load.cpu_seconds = {
        name: cpu_seconds(process) - before[name] for name, process in processes.items()
    }
    return load


def ideal(arrivals: Sequence[float], shape: Shape, stream_interval: int) -> list[Sample]:
    """What clients would see of the schedulers with nothing in between."""
    surfaces = load_profile(PROFILE).surfaces(1)
    timings, settings = Timings(surfaces, TIME_SCALE), Settings()
    room = surfaces.kv_capacity_tokens
    link = KvLink(
        settings.transfer_bytes_per_second / TIME_SCALE,
        surfaces.kv_bytes_per_token,
        settings.transfer_base_seconds * TIME_SCALE,
    )
    prefill = PrefillLimits(8192, 16384, room)
    decode = DecodeLimits(room, 2048, stream_interval=stream_interval)
    requests = [Arrival(at, shape.prompt, shape.output) for at in arrivals]
    outputs = Pair((timings, prefill), (timings, decode), link).run(requests)
    return [
        Sample(each[0].at - at, (each[-1].at - each[0].at) / (shape.output - 1))
        for at, each in zip(arrivals, outputs, strict=True)
    ]


def poisson(rate: float) -> list[float]:
    """Arrivals of `SECONDS_PER_RATE`."""
    rng = random.Random(7)  # noqa: S311 - a load, not a secret
    arrivals = [rng.expovariate(rate)]
    while arrivals[-1] < SECONDS_PER_RATE:
        arrivals.append(arrivals[-1] + rng.expovariate(rate))
    return arrivals


def quantile(samples: Sequence[Sample], percent: int) -> float:
    """Quantile of the time to first token, in milliseconds."""
    return 1e3 * statistics.quantiles([sample.ttft for sample in samples], n=100)[percent - 1]


def slowdown(samples: Sequence[Sample], best: Sequence[Sample]) -> float:
    """Mean time per output token, relative to the ideal."""
    means = [statistics.mean(sample.tpot for sample in each) for each in (samples, best)]
    return means[0] / means[1]


async def measure_rates(say: Callable[[str], None]) -> list[Figure]:
    """Raise the request rate until the machine shows in the TTFT."""
    figures: list[Figure] = []
    held = 0.0
    with stack(STREAM_INTERVAL) as processes:
        await apply(processes, [0.1 * index for index in range(WARM_UP)], REQUESTS)
        for rate in RATES:
            load = await apply(processes, poisson(rate), REQUESTS)
            best = ideal(load.arrivals, REQUESTS, STREAM_INTERVAL)
            p50, p90 = (quantile(load.samples, p) - quantile(best, p) for p in (50, 90))
            tpot = slowdown(load.samples, best)
            cpu = load.cpu_per(len(load.arrivals), scale=1e3)
            say(
                f"{rate:3g} requests/s: {load.failed} failed, TTFT +{p50:.1f} ms p50 "
                f"+{p90:.1f} ms p90, TPOT x{tpot:.3f}, CPU ms each "
                + " ".join(f"{name} {spent:.2f}" for name, spent in cpu.items())
            )
            if rate == REFERENCE_RATE:
                figures = [
                    Figure("TTFT error p50 at 35/s", p50, "ms", 10.0),
                    Figure("TTFT error p90 at 35/s", p90, "ms", 20.0),
                    Figure("TPOT error at 35/s", 100 * abs(tpot - 1), "%", 2.0),
                    *(
                        Figure(f"{name} CPU per request", spent, "ms", 4.0)
                        for name, spent in cpu.items()
                    ),
                ]
            if load.failed or p90 > TTFT_ERROR_LIMIT_MILLISECONDS:
                break
            held = rate
        memory = [resident_megabytes(processes[name]) for name in ("prefill", "decode")]
    return [
        *figures,
        Figure("request rate held", held, "1/s", 35.0, "higher"),
        Figure("memory of an engine", max(memory), "MB", 80.0),
    ]


def resident_megabytes(process: Process) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{process.process.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1e3


async def measure_chunks(say: Callable[[str], None]) -> list[Figure]:
    """Raise the number of streams with one token per chunk until tokens come late."""
    held = 0.0
    with stack(stream_interval=1) as processes:
        for streams in STREAMS:
            arrivals = [0.001 * index for index in range(streams)]
            load = await apply(processes, arrivals, CHUNKS)
            late = slowdown(load.samples, ideal(arrivals, CHUNKS, stream_interval=1))
            rate = streams * STREAM_TOKENS / load.seconds
            cpu = load.cpu_per(streams * STREAM_TOKENS, scale=1e6)
            say(
                f"{streams:3d} streams: {rate:.0f} chunks/s, TPOT x{late:.3f}, CPU us per chunk "
                + " ".join(f"{name} {spent:.0f}" for name, spent in cpu.items())
            )
            if load.failed or abs(late - 1) > TPOT_ERROR_LIMIT:
                break
            held = rate
    return [Figure("chunk rate held", held, "1/s", 1000.0, "higher")]


async def main() -> int:
    """Measure all, write `build/bench/testbed.json`; returns the exit status."""

    def say(line: str) -> None:
        print(line, flush=True)  # noqa: T201 - progress on the terminal

    return write("testbed", [*await measure_rates(say), *await measure_chunks(say)])


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
