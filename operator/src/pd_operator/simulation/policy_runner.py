"""Asks a policy at its period, and tells the fleet."""

from bisect import bisect_right

from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.fleet import Fleet, Other
from pd_operator.simulation.policy import Policy
from pd_operator.simulation.pools import Pool, W
from pd_operator.simulation.request_log import RequestLog
from pd_operator.simulation.requests import Requests
from pd_operator.simulation.result import PoolSizes
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot


class PolicyRunner:
    """Takes a snapshot each period while requests are to come or under way."""

    def __init__(
        self, policy: Policy, fleet: Fleet, requests: Requests, log: RequestLog, agenda: Agenda
    ) -> None:
        if not policy.period_seconds > 0:
            raise ValueError(f"a policy's period is above 0 s, not {policy.period_seconds}")
        self.sizes: list[PoolSizes] = []
        self._policy = policy
        self._fleet = fleet
        self._requests = requests
        self._log = log
        self._agenda = agenda
        self._seen = 0
        log.note_completions()
        agenda.at(policy.period_seconds, self._tick, None)

    def _tick(self, _: None) -> None:
        now = self._agenda.now
        prefill, decode = self._fleet.prefill, self._fleet.decode
        wanted = self._policy.decide(self._snapshot())
        self.sizes.append(
            PoolSizes(
                time_seconds=now,
                prefill_wanted=wanted.prefill,
                decode_wanted=wanted.decode,
                prefill_serving=len(prefill.serving),
                decode_serving=len(decode.serving),
            )
        )
        self._fleet.want(wanted)
        self._agenda.at(now + self._policy.period_seconds, self._tick, None)

    def _snapshot(self) -> Snapshot:
        seen = self._seen
        arrivals = self._requests.arrival_seconds
        self._seen = bisect_right(arrivals, self._agenda.now, lo=seen)
        completed = self._log.completed_since()
        prefill, decode = self._fleet.prefill, self._fleet.decode
        return Snapshot(
            time_seconds=self._agenda.now,
            arrived=self._requests.part(seen, self._seen),
            completed=self._requests.rows(completed),
            ttft_seconds=self._log.ttft_seconds[completed],
            tpot_seconds=self._log.tpot_seconds[completed],
            prefill=_pool_snapshot(prefill, decode, self._agenda.now),
            decode=_pool_snapshot(decode, prefill, self._agenda.now),
        )


def _pool_snapshot(pool: Pool[W], other: Pool[Other], now: float) -> PoolSnapshot:
    return PoolSnapshot(
        workers=tuple(worker.snapshot() for worker in pool.serving),
        draining=len(pool.draining) - other.awaited,
        starting=len(pool.starting),
        promised=pool.promised,
        busy_seconds=pool.busy_seconds,
        pending_seconds=tuple(now - start.asked_at for start in pool.pending),
    )
