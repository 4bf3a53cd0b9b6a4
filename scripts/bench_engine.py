"""What the engine simulator and SGLang's router hold on this machine, and what a request costs.

One prefill and one decode behind the real router, loaded open-loop. The ideal is what the same
schedulers say about the same arrivals with no process, socket or router in between, so an error
is what this machine adds. Step times are a quarter of the profile's, to let one pair take a rate
at which the machine, not the simulated GPU, is the limit.
"""

import asyncio
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from bench_format import Figure, write

from pd_e2e.engine.decode import DecodeLimits, DecodeScheduler
from pd_e2e.engine.job import Bootstrap, Job, Output
from pd_e2e.engine.prefill import KvLink, PrefillLimits, PrefillScheduler
from pd_e2e.engine.settings import Settings
from pd_e2e.engine.timings import Timings, load_profile

PROFILE, TENSOR_PARALLEL, TIME_SCALE = "llama-3.1-70b-h100", 4, 0.25
PROMPT_TOKENS, OUTPUT_TOKENS, STREAM_INTERVAL = 1500, 110, 16
RATES = (10.0, 20.0, 30.0, 35.0)
SECONDS_PER_RATE = 12.0
MILLISECONDS_OF_TTFT_ERROR = 15.0
STREAMS = (8, 16, 32, 64)
PREFILL, DECODE, ROUTER = "127.0.90.1", "127.0.90.2", "127.0.90.9"


@dataclass(frozen=True)
class Sample:
    """One request as its client saw it; seconds, `chunks` of the stream."""

    ttft: float
    tpot: float
    chunks: int


@dataclass
class Load:
    """What one load did, and the CPU seconds that each process spent on it."""

    arrivals: list[float]
    samples: list[Sample] = field(default_factory=list)
    failed: int = 0
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)

    def quantile(self, values: Sequence[float], percent: int) -> float:
        return statistics.quantiles(values, n=100)[percent - 1]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def stack(stream_interval: int) -> AsyncIterator[dict[str, int]]:
    """A prefill, a decode and the router; yields their process ids, and stops them."""
    bin_dir = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PD_ENGINE_PROFILE": PROFILE,
        "PD_ENGINE_TIME_SCALE": str(TIME_SCALE),
        "PD_ENGINE_SIGTERM_POLL_SECONDS": "0.2",
    }
    serve = (
        *(sys.executable, "-m", "pd_e2e.engine", "serve", "--model-path", "bench"),
        *("--tp-size", str(TENSOR_PARALLEL), "--enable-metrics"),
        *("--stream-interval", str(stream_interval)),
    )
    commands = {
        "prefill": (*serve, "--host", PREFILL, "--disaggregation-mode", "prefill"),
        "decode": (*serve, "--host", DECODE, "--disaggregation-mode", "decode"),
        "router": (
            *(str(bin_dir / "smg"), "launch", "--host", ROUTER, "--port", "30000"),
            *("--prometheus-host", ROUTER, "--prometheus-port", "29000", "--log-level", "error"),
            *("--pd-disaggregation", "--prefill", f"http://{PREFILL}:30000", "8998"),
            *("--decode", f"http://{DECODE}:30000", "--policy", "least_load"),
            *("--worker-startup-check-interval", "1"),
        ),
    }
    with tempfile.TemporaryFile() as log:
        processes = {
            name: await asyncio.create_subprocess_exec(
                *command, env=environment, stdout=log, stderr=log
            )
            for name, command in commands.items()
        }
        try:
            await ready()
            yield {name: process.pid for name, process in processes.items()}
        finally:
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            await asyncio.gather(*(process.wait() for process in processes.values()))


async def ready() -> None:
    """Wait until the router has both workers."""
    deadline = time.monotonic() + 60
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(f"http://{ROUTER}:30000/readiness") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    raise TimeoutError("the router did not become ready within 60 s")


async def one(session: aiohttp.ClientSession, load: Load, output_tokens: int) -> None:
    """Send one streaming request and note what came back when."""
    body = {
        "model": "bench",
        "prompt": "word " * PROMPT_TOKENS,
        "max_tokens": output_tokens,
        "stream": True,
    }
    begun = time.perf_counter()
    first = last = 0.0
    chunks = 0
    async with session.post(f"http://{ROUTER}:30000/v1/completions", json=body) as answer:
        async for data in answer.content.iter_any():
            last = time.perf_counter()
            first = first or last
            chunks += data.count(b"data: {")
        if answer.status != 200 or chunks == 0:
            load.failed += 1
            return
    load.samples.append(Sample(first - begun, (last - first) / (output_tokens - 1), chunks))


async def apply(load: Load, output_tokens: int, processes: dict[str, int]) -> Load:
    """Send a request at each arrival, whatever the answers do, and wait for all of them."""
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        begun = time.perf_counter()
        tasks = []
        for arrival in load.arrivals:
            await asyncio.sleep(begun + arrival - time.perf_counter())
            tasks.append(asyncio.create_task(one(session, load, output_tokens)))
        await asyncio.gather(*tasks)
        load.seconds = time.perf_counter() - begun
    load.cpu = {name: cpu_seconds(pid) - before[name] for name, pid in processes.items()}
    return load


def ideal(arrivals: Sequence[float], output_tokens: int, stream_interval: int) -> list[Sample]:
    """The same arrivals through the same schedulers, with nothing in between."""
    surfaces = load_profile(PROFILE).surfaces(TENSOR_PARALLEL)
    timings, settings = Timings(surfaces, TIME_SCALE), Settings()
    link = KvLink(
        settings.transfer_bytes_per_second / TIME_SCALE,
        surfaces.kv_bytes_per_token,
        settings.transfer_base_seconds * TIME_SCALE,
    )
    room = surfaces.kv_capacity_tokens
    prefill = PrefillScheduler(timings, PrefillLimits(8192, 16384, room), link)
    limits = DecodeLimits(room, 2048, stream_interval=stream_interval)
    admitted: list[Job] = []
    decode = DecodeScheduler(timings, limits, admitted.append)
    tokens: dict[str, list[Output]] = {}

    def settle(now: float) -> None:
        """Alternate between both until neither has anything to say by `now`."""
        while True:
            times = [t for t in (prefill.next_event(), decode.next_event()) if t is not None]
            if not times or min(times) > now:
                return
            at = min(times)
            for moved in prefill.advance(at):
                note(decode.arrived(twins[moved.job.rid], moved.at))
            note(decode.advance(at))

    def note(outputs: Sequence[Output]) -> None:
        for output in outputs:
            tokens.setdefault(output.job.rid, []).append(output)

    twins: dict[str, Job] = {}
    for index, arrival in enumerate(arrivals):
        settle(arrival)
        here = Bootstrap("ideal", 8998, index)
        job = Job(str(index), PROMPT_TOKENS, output_tokens, streaming=True, bootstrap=here)
        twin = twins[job.rid] = Job(
            str(index), PROMPT_TOKENS, output_tokens, streaming=True, bootstrap=here
        )
        prefill.submit(job, arrival)
        note(decode.submit(twin, arrival))
        if admitted and admitted[-1] is twin:
            prefill.admit(job, arrival)
    settle(float("inf"))
    return [
        Sample(
            ttft=outputs[0].at - arrivals[int(rid)],
            tpot=(outputs[-1].at - outputs[0].at) / (output_tokens - 1),
            chunks=len(outputs),
        )
        for rid, outputs in tokens.items()
    ]


async def measure_rates(figures: list[Figure]) -> None:
    """Raise the request rate until the machine shows in the TTFT."""
    held = 0.0
    async with stack(STREAM_INTERVAL) as processes:
        await apply(Load([0.1 * i for i in range(10)]), OUTPUT_TOKENS, processes)
        for rate in RATES:
            rng = random.Random(7)  # noqa: S311 - a load, not a secret
            arrivals = [0.0]
            while arrivals[-1] < SECONDS_PER_RATE:
                arrivals.append(arrivals[-1] + rng.expovariate(rate))
            load = await apply(Load(arrivals), OUTPUT_TOKENS, processes)
            target = ideal(arrivals, OUTPUT_TOKENS, STREAM_INTERVAL)
            errors = {
                percent: 1e3
                * (
                    load.quantile([s.ttft for s in load.samples], percent)
                    - load.quantile([s.ttft for s in target], percent)
                )
                for percent in (50, 90)
            }
            tpot = statistics.mean(s.tpot for s in load.samples) / statistics.mean(
                s.tpot for s in target
            )
            per_request = {
                name: 1e3 * seconds / len(load.samples) for name, seconds in load.cpu.items()
            }
            print(  # noqa: T201 - progress on the terminal
                f"{rate:g}/s: {len(load.samples)} ok, {load.failed} failed, "
                f"TTFT error p50 {errors[50]:.1f} p90 {errors[90]:.1f} ms, TPOT x{tpot:.3f}, "
                f"CPU ms/request {({k: round(v, 2) for k, v in per_request.items()})}"
            )
            if rate == RATES[0]:
                figures += [
                    Figure(f"{name} CPU per request", ms, "ms", 5.0)
                    for name, ms in per_request.items()
                ]
                figures += [
                    Figure("TTFT error p50", errors[50], "ms", 10.0),
                    Figure("TTFT error p90", errors[90], "ms", 15.0),
                    Figure("TPOT error", 100 * abs(tpot - 1), "%", 2.0),
                ]
            if load.failed or errors[90] > 1000:
                break
            held = rate
    figures.append(Figure("request rate held", held, "1/s", 35.0, "higher"))


async def measure_chunks(figures: list[Figure]) -> None:
    """Raise the number of streams with one token per chunk until the clients fall behind."""
    held = 0.0
    output = 400
    async with stack(stream_interval=1) as processes:
        for streams in STREAMS:
            load = await apply(Load([0.02 * i for i in range(streams)]), output, processes)
            target = ideal(load.arrivals, output, 1)
            slower = statistics.mean(s.tpot for s in load.samples) / statistics.mean(
                s.tpot for s in target
            )
            rate = streams / statistics.mean(s.tpot for s in load.samples)
            micros = {
                name: 1e6 * seconds / (streams * output) for name, seconds in load.cpu.items()
            }
            print(  # noqa: T201 - progress on the terminal
                f"{streams} streams: {rate:.0f} chunks/s, TPOT x{slower:.3f}, "
                f"CPU us/chunk {({k: round(v, 1) for k, v in micros.items()})}"
            )
            if load.failed or slower > 1.05:
                break
            held = rate
    figures.append(Figure("chunk rate held", held, "1/s", 1000.0, "higher"))


async def main() -> None:
    """Measure all, write `build/bench/engine.json`."""
    figures: list[Figure] = []
    await measure_rates(figures)
    # await measure_chunks(figures)
    write("engine", figures)


if __name__ == "__main__":
    asyncio.run(main())
