"""Runs a load through a service."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from pd_operator.performance.timing import Timings
from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.decode_worker import DecodeWorker
from pd_operator.simulation.job import Job
from pd_operator.simulation.ledger import Ledger
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.requests import Requests
from pd_operator.simulation.result import PoolUse, SimulationResult
from pd_operator.simulation.routers import decode_picker, prefill_picker
from pd_operator.simulation.service import ServiceModel
from pd_operator.simulation.step_tables import PassTimes, StepTimes

_BLOCK = 65_536
"""Requests that are unpacked at a time: columns are compact, Python's numbers are not."""


@dataclass(frozen=True)
class Pools:
    """Workers of each role; `ValueError` for none."""

    prefill: int
    decode: int

    def __post_init__(self) -> None:
        if self.prefill < 1 or self.decode < 1:
            raise ValueError(f"each pool has a worker at least, not {self.prefill}, {self.decode}")


def simulate(
    requests: Requests, service: ServiceModel, pools: Pools, *, seed: int = 0
) -> SimulationResult:
    """Run all `requests` through fixed `pools` of a `service`, to the last token.

    The same arguments give the same result. `seed` is for what the router draws.
    """
    simulation = _Simulation(requests, service, pools, Random(seed))  # noqa: S311 - no secret
    return simulation.run()


class _Simulation:
    def __init__(
        self, requests: Requests, service: ServiceModel, pools: Pools, dice: Random
    ) -> None:
        self._requests = requests
        self._service = service
        self._agenda = Agenda()
        self._ledger = Ledger(len(requests))
        passes = PassTimes(Timings(service.prefill), service.limits.budget_tokens)
        steps = StepTimes(Timings(service.decode))
        self._prefills = [
            PrefillWorker(number, service, passes, self._agenda) for number in range(pools.prefill)
        ]
        self._decodes = [
            DecodeWorker(number, service, steps, self._agenda, self._ledger)
            for number in range(pools.decode)
        ]
        self._prefill_picker = prefill_picker(service.prefill_policy, dice)
        self._decode_picker = decode_picker(service.decode_policy, dice)

    def run(self) -> SimulationResult:
        run_until = self._agenda.run_until
        arrive = self._arrive
        for job in _jobs(self._requests):
            run_until(job.arrival)
            arrive(job)
        self._agenda.run_out()
        return self._result()

    def _arrive(self, job: Job) -> None:
        """Send `job` to a worker of each role at once, as the router does."""
        service = self._service
        if job.prompt > min(service.prefill.kv_capacity_tokens, service.decode.kv_capacity_tokens):
            self._ledger.lost(job)
            return
        job.prefill = self._prefill_picker.pick(self._prefills, job)
        job.decode = self._decode_picker.pick(self._decodes, job)
        job.prefill.expect(job)
        job.decode.submit(job)

    def _result(self) -> SimulationResult:
        ledger, service = self._ledger, self._service
        # The last step may have been anchored ahead of the last event.
        span = max(self._agenda.now, *(worker.anchor for worker in self._decodes))
        prefills, decodes = self._prefills, self._decodes
        return SimulationResult(
            ttft_seconds=ledger.ttft_seconds,
            tpot_seconds=ledger.tpot_seconds,
            span_seconds=span,
            prefill=PoolUse(
                gpu_seconds=span * len(prefills) * service.prefill.gpus,
                worker_seconds=span * len(prefills),
                busy_seconds=sum(worker.busy_seconds for worker in prefills),
                tokens=sum(worker.computed_tokens for worker in prefills),
            ),
            decode=PoolUse(
                gpu_seconds=span * len(decodes) * service.decode.gpus,
                worker_seconds=span * len(decodes),
                busy_seconds=sum(worker.busy_seconds for worker in decodes),
                tokens=sum(worker.generated_tokens for worker in decodes),
                request_seconds=sum(worker.sequence_seconds for worker in decodes),
            ),
            lost_requests=ledger.lost_requests,
            retractions=sum(worker.retractions for worker in decodes),
        )


def _jobs(requests: Requests) -> Iterator[Job]:
    """The requests one by one."""
    for start in range(0, len(requests), _BLOCK):
        block = requests.part(start, start + _BLOCK)
        yield from map(
            Job,
            range(start, start + len(block)),
            block.arrival_seconds.tolist(),
            block.prompt_tokens.tolist(),
            block.output_tokens.tolist(),
            block.cached_tokens.tolist(),
        )
