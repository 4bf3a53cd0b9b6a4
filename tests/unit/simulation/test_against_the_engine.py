"""The simulator and the demo's engine simulator are two programs for one behaviour."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pd_e2e.engine.decode import DecodeLimits, DecodeScheduler
from pd_e2e.engine.job import Bootstrap, Job, Output
from pd_e2e.engine.prefill import PrefillLimits, PrefillScheduler
from pd_operator.performance import load_bundled
from pd_operator.performance.timing import KvLink, Timings
from pd_operator.simulation import EngineLimits, Pools, Requests, ServiceModel, simulate

SURFACES = load_bundled("llama-3.1-8b-h100").surfaces(1)
LIMITS = EngineLimits(chunk_tokens=2048, running_requests=200, reserved_tokens=64)
STREAM_INTERVAL = 1 << 30  # nobody looks at a token but the first and the last


class Engines:
    """One prefill and one decode of the engine simulator, in one virtual time."""

    def __init__(self, service: ServiceModel) -> None:
        timings, limits = Timings(service.prefill), service.limits
        link = KvLink(
            service.transfer_bytes_per_second,
            service.prefill.kv_bytes_per_token,
            service.transfer_base_seconds,
        )
        self._prefill = PrefillScheduler(
            timings,
            PrefillLimits(
                limits.chunk_tokens, limits.pass_tokens, service.prefill.kv_capacity_tokens
            ),
            link,
        )
        self._decode = DecodeScheduler(
            Timings(service.decode),
            DecodeLimits(
                service.decode.kv_capacity_tokens,
                limits.running_requests,
                limits.reserved_tokens,
                STREAM_INTERVAL,
            ),
            self._admit,
        )
        self._sides: dict[str, tuple[Job, Job]] = {}
        self.outputs: dict[str, list[Output]] = {}
        self._now = 0.0

    def run(self, requests: Requests) -> tuple[list[float], list[float]]:
        """First and last token of each request, in seconds."""
        columns = (requests.arrival_seconds, requests.prompt_tokens, requests.output_tokens)
        for index, (at, prompt, output) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            self._run_until(at)
            place = Bootstrap("engine", 8998, index)
            prefill, decode = (Job(str(index), prompt, output, True, place) for _ in range(2))
            self._sides[str(index)] = (prefill, decode)
            self._prefill.submit(prefill, at)
            self._note(self._decode.submit(decode, at))
        self._run_until(float("inf"))
        outputs = [self.outputs[str(index)] for index in range(len(requests))]
        return [each[0].at for each in outputs], [each[-1].at for each in outputs]

    @property
    def retractions(self) -> int:
        return self._decode.retractions.requests

    def _admit(self, job: Job) -> None:
        self._prefill.admit(self._sides[job.rid][0], self._now)

    def _run_until(self, now: float) -> None:
        while True:
            events = (self._prefill.next_event(), self._decode.next_event())
            due = [at for at in events if at is not None and at <= now]
            if not due:
                self._now = now
                return
            self._now = min(due)
            for moved in self._prefill.advance(self._now):
                self._note(self._decode.arrived(self._sides[moved.job.rid][1], moved.at))
            self._note(self._decode.advance(self._now))

    def _note(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self.outputs.setdefault(output.job.rid, []).append(output)


def load(rate: float, output: float, count: int = 1500) -> Requests:
    dice = np.random.default_rng(11)
    prompt = dice.lognormal(6.6, 0.9, count).clip(1, 20_000).astype(int)
    answer = dice.lognormal(np.log(output), 0.8, count).clip(1, 3000).astype(int)
    return Requests.of(np.cumsum(dice.exponential(1 / rate, count)), prompt, answer)


@pytest.mark.parametrize(
    ("rate", "output", "kv_tokens"),
    [(2.0, 150.0, 380_000), (12.0, 150.0, 380_000), (22.0, 60.0, 380_000), (12.0, 300.0, 40_000)],
    ids=["idle", "busy", "queueing", "short of room"],
)
def test_both_give_the_same_times(rate: float, output: float, kv_tokens: int) -> None:
    decode = replace(SURFACES, kv_capacity_tokens=kv_tokens)
    service = ServiceModel(SURFACES, decode, limits=LIMITS)
    requests = load(rate, output)
    engines = Engines(service)
    first, last = engines.run(requests)
    result = simulate(requests, service, Pools(1, 1))
    ttft = np.array(first) - requests.arrival_seconds
    later = requests.output_tokens - 1
    several = later > 0
    tpot = (np.array(last) - np.array(first))[several] / later[several]
    # Requests that come close together may change places: half a step here or there.
    assert np.abs(result.ttft_seconds - ttft).mean() < 0.0005
    assert np.abs(result.tpot_seconds[several] / tpot - 1).max() < 0.002
    assert result.retractions == engines.retractions
    assert (result.retractions > 0) == (kv_tokens < 100_000)
