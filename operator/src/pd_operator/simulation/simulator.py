"""Runs a load through a service."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from pd_operator.api.roles import Role
from pd_operator.api.router import PrefillPolicy
from pd_operator.performance.timing import Timings
from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.caching_prefill import CachingPrefillWorker
from pd_operator.simulation.content_routers import CacheAware, PrefixHash
from pd_operator.simulation.decode_worker import DecodeWorker
from pd_operator.simulation.fleet import Fleet
from pd_operator.simulation.job import Job
from pd_operator.simulation.policy import Policy
from pd_operator.simulation.policy_runner import PolicyRunner
from pd_operator.simulation.pools import Pool, Pools
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.request_log import RequestLog
from pd_operator.simulation.requests import Requests
from pd_operator.simulation.result import SimulationResult
from pd_operator.simulation.routers import Picker, decode_picker, prefill_picker
from pd_operator.simulation.service import ServiceModel
from pd_operator.simulation.step_tables import PassTimes, StepTimes

_BLOCK = 65_536
"""Requests that are unpacked at a time: columns are compact, Python's numbers are not."""


@dataclass(frozen=True)
class Failure:
    """At `at_seconds` a serving worker of `role`, drawn by the seed, dies and is started anew."""

    at_seconds: float
    role: Role


def simulate(
    requests: Requests,
    service: ServiceModel,
    pools: Pools,
    *,
    seed: int = 0,
    policy: Policy | None = None,
    failures: Sequence[Failure] = (),
) -> SimulationResult:
    """Run all `requests` through a `service`, from `pools` that serve at 0 to the last token.

    Without a `policy` the pools stay as they are. The same arguments give the same result: `seed`
    is for what the router, start-up times and failures draw. `ValueError` for a router policy
    that is not simulated, and for a service whose parts contradict each other.
    """
    simulation = Simulation(requests, service, pools, Random(seed))  # noqa: S311 - no secret
    for failure in failures:
        simulation.schedule(failure)
    if policy is not None:
        simulation.steer(policy)
    return simulation.run()


class Simulation:
    """One run: its agenda, its workers, what became of the requests."""

    def __init__(
        self, requests: Requests, service: ServiceModel, pools: Pools, rng: Random
    ) -> None:
        self._requests = requests
        self._largest = min(service.prefill.kv_capacity_tokens, service.decode.kv_capacity_tokens)
        self.agenda = Agenda()
        self.log = RequestLog(len(requests))
        make = _prefill_maker(service, requests, self.agenda)
        self.fleet = _fleet(service, pools, make, self.agenda, self.log, rng)
        self._pick_prefill = _prefill_picker(service, requests, rng, self.agenda).pick
        self._pick_decode = decode_picker(service, rng, self.agenda).pick
        self._policy_runner: PolicyRunner | None = None

    def schedule(self, failure: Failure) -> None:
        """Let a worker die at its time."""
        self.agenda.at(failure.at_seconds, self.fleet.kill, failure.role)

    def steer(self, policy: Policy) -> None:
        """Let `policy` size the pools; `ValueError` where workers have caches of their own.

        What an operator then sees of the prompts, what was left to compute, is not known before.
        """
        if self._requests.prefixes is not None:
            raise ValueError("a policy cannot size pools whose workers have prefix caches")
        self._policy_runner = PolicyRunner(
            policy, self.fleet, self._requests, self.log, self.agenda
        )

    def run(self) -> SimulationResult:
        """Let every request arrive, and the last be answered."""
        run_until = self.agenda.run_until
        arrive = self._arrive
        for job in _jobs(self._requests):
            run_until(job.arrival)
            arrive(job)
        self.agenda.run_while(self.log.is_open)
        return self._result()

    def _arrive(self, job: Job) -> None:
        """Send `job` to a worker of each role at once, as the router does."""
        prefills, decodes = self.fleet.prefill.serving, self.fleet.decode.serving
        if job.prompt >= self._largest or not prefills or not decodes:
            self.log.lost(job)
            return
        job.prefill = prefill = self._pick_prefill(prefills, job)
        job.decode = decode = self._pick_decode(decodes, job)
        prefill.expect(job)
        decode.submit(job)

    def _result(self) -> SimulationResult:
        fleet, log = self.fleet, self.log
        return SimulationResult(
            ttft_seconds=log.ttft_seconds,
            tpot_seconds=log.tpot_seconds,
            span_seconds=self.agenda.now,
            prefill=fleet.prefill.use(),
            decode=fleet.decode.use(),
            lost_requests=log.lost_requests,
            retractions=log.retractions,
            flips=fleet.flips,
            sizes=tuple(self._policy_runner.sizes) if self._policy_runner else (),
        )


def _prefill_maker(
    service: ServiceModel, requests: Requests, agenda: Agenda
) -> Callable[[int], PrefillWorker]:
    """Makes the prefill worker of a number, with a cache of its own where prompts tell prefixes."""
    passes = PassTimes(Timings(service.prefill), service.limits.budget_tokens)
    prefixes = requests.prefixes
    if prefixes is None:
        return lambda number: PrefillWorker(number, service, passes, agenda)
    block_tokens = prefixes.block_tokens
    return lambda number: CachingPrefillWorker(number, service, passes, agenda, block_tokens)


def _prefill_picker(
    service: ServiceModel, requests: Requests, rng: Random, agenda: Agenda
) -> Picker[PrefillWorker]:
    """The service's policy; those by content are simulated where prompts tell their prefixes."""
    prefixes = requests.prefixes
    if prefixes is not None and service.prefill_policy is PrefillPolicy.CACHE_AWARE:
        return CacheAware(prefixes.block_tokens)
    if prefixes is not None and service.prefill_policy is PrefillPolicy.PREFIX_HASH:
        return PrefixHash()
    return prefill_picker(service, rng, agenda)


def _fleet(
    service: ServiceModel,
    pools: Pools,
    make_prefill: Callable[[int], PrefillWorker],
    agenda: Agenda,
    log: RequestLog,
    rng: Random,
) -> Fleet:
    """Both pools at their first size."""
    steps = StepTimes(Timings(service.decode))
    lifecycle = service.lifecycle
    prefill = Pool(
        Role.PREFILL,
        service.prefill.gpus,
        lifecycle.prefill_startup_seconds,
        make_prefill,
        agenda,
    )
    decode = Pool(
        Role.DECODE,
        service.decode.gpus,
        lifecycle.decode_startup_seconds,
        lambda number: DecodeWorker(number, service, steps, agenda, log),
        agenda,
    )
    for _ in range(pools.prefill):
        prefill.add()
    for _ in range(pools.decode):
        decode.add()
    return Fleet(prefill, decode, lifecycle, agenda, log, rng)


def _jobs(requests: Requests) -> Iterator[Job]:
    """The requests one by one."""
    for start in range(0, len(requests), _BLOCK):
        yield from map(Job, *_columns(requests.part(start, start + _BLOCK), start))


def _columns(block: Requests, start: int) -> list[Iterable[Any]]:
    """What the jobs of a block are made of."""
    columns: list[Iterable[Any]] = [
        range(start, start + len(block)),
        block.arrival_seconds.tolist(),
        block.prompt_tokens.tolist(),
        block.output_tokens.tolist(),
        block.cached_tokens.tolist(),
    ]
    if block.prefixes is not None:
        columns.append(block.prefixes.blocks)
    return columns
