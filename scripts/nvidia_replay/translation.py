"""From what Dynamo tells its scaling policy to what a policy of ours is shown."""

from collections.abc import Mapping, Sequence

import numpy as np
from scripts.nvidia_replay.told import ForwardPass, Tick, Traffic

from pd_operator.simulation import Requests
from pd_operator.simulation.request_log import Column
from pd_operator.simulation.snapshot import PoolSnapshot, Snapshot, WorkerSnapshot


class Translation:
    """Makes a `Snapshot` of each tick of one replay of `requests`, in their order.

    Dynamo counts arrivals, and tells the lengths of completed requests only, in the mean. How long
    the prompts are that came is taken from the trace, as a router's histogram would tell it;
    answers are taken to be all of the mean length of those that ended since the last tick.

    A worker's counters are not told either. Its router goes round, so the pool's prompt tokens that
    came and do not wait are shared evenly; their seconds are those of the worker's last pass.
    """

    def __init__(self, requests: Requests, kv_tokens: int) -> None:
        first = requests.arrival_seconds[0] if len(requests) else 0.0
        # Dynamo's clock starts at the first arrival.
        self._requests = Requests.of(
            requests.arrival_seconds - first, requests.prompt_tokens, requests.output_tokens
        )
        self._kv_tokens = kv_tokens
        self._arrived = 0
        self._tokens_came = self._tokens_shared = 0
        self._tokens_done: dict[int, int] = {}
        self._busy_seconds: dict[int, float] = {}

    def snapshot(self, tick: Tick) -> Snapshot:
        """What is known at `tick`; call it with each, in order."""
        arrived = self._came(tick.traffic)
        completed, ttft, tpot = _completed(tick.traffic)
        return Snapshot(
            time_seconds=tick.now_ms / 1e3,
            arrived=arrived,
            completed=completed,
            ttft_seconds=ttft,
            tpot_seconds=tpot,
            prefill=self._prefill(tick),
            decode=self._decode(tick),
        )

    def _came(self, traffic: Traffic | None) -> Requests:
        begin = self._arrived
        self._arrived += traffic.num_req if traffic else 0
        came = self._requests.part(begin, self._arrived)
        self._tokens_came += int(came.prompt_tokens.sum())
        return came

    def _prefill(self, tick: Tick) -> PoolSnapshot:
        passes = {one.worker_id: one for one in tick.prefill_fpm_snapshots}
        self._share_work(tick.active_prefill_ids, passes)
        workers = tuple(
            WorkerSnapshot(
                number=number,
                running_requests=one.num_prefill_requests if one.num_queued_prefill else 0,
                waiting_requests=one.num_queued_prefill,
                retracted_requests=0,
                waiting_tokens=one.sum_queued_prefill_tokens,
                context_tokens=0,
                used_tokens=one.sum_queued_prefill_tokens,
                capacity_tokens=self._kv_tokens,
                tokens_done=self._tokens_done.get(number, 0),
                busy_seconds=self._busy_seconds.get(number, 0.0),
            )
            for number, one in _each(tick.active_prefill_ids, passes)
        )
        return PoolSnapshot(
            workers,
            draining=tick.draining_prefill_count,
            starting=tick.starting_prefill_count,
            busy_seconds=sum(self._busy_seconds.values()),
        )

    def _share_work(self, active: Sequence[int], passes: Mapping[int, ForwardPass]) -> None:
        """Prompt tokens that came and do not wait any more were computed by those that serve."""
        waiting = sum(one.sum_queued_prefill_tokens for one in passes.values())
        share = (self._tokens_came - waiting - self._tokens_shared) // max(1, len(active))
        if share <= 0:
            return
        self._tokens_shared += share * len(active)
        for number in active:
            self._tokens_done[number] = self._tokens_done.get(number, 0) + share
            last = passes.get(number)
            if last and last.sum_prefill_tokens:
                seconds = share * last.wall_time / last.sum_prefill_tokens
                self._busy_seconds[number] = self._busy_seconds.get(number, 0.0) + seconds

    def _decode(self, tick: Tick) -> PoolSnapshot:
        """Decode's counters are not told, and nothing that decides reads them: they stay 0."""
        passes = {one.worker_id: one for one in tick.decode_fpm_snapshots}
        workers = tuple(
            WorkerSnapshot(
                number=number,
                running_requests=one.num_decode_requests,
                waiting_requests=one.num_queued_decode,
                retracted_requests=0,
                waiting_tokens=0,
                context_tokens=one.sum_decode_kv_tokens,
                used_tokens=one.sum_decode_kv_tokens + one.sum_queued_decode_kv_tokens,
                capacity_tokens=self._kv_tokens,
                tokens_done=0,
                busy_seconds=0.0,
            )
            for number, one in _each(tick.active_decode_ids, passes)
        )
        return PoolSnapshot(
            workers,
            draining=tick.draining_decode_count,
            starting=tick.starting_decode_count,
            busy_seconds=0.0,
        )


def _completed(traffic: Traffic | None) -> tuple[Requests, Column, Column]:
    count = traffic.shape_count if traffic else 0
    tokens = round(traffic.avg_osl or 0) if traffic else 0
    if traffic is None or count == 0 or tokens == 0:
        nothing = np.empty(0, dtype=np.float32)
        return Requests.of([], 1, 1), nothing, nothing
    ttft, tpot = (
        np.full(count, (mean or 0.0) / 1e3, dtype=np.float32)
        for mean in (traffic.avg_ttft_ms, traffic.avg_itl_ms)
    )
    return Requests.of(np.zeros(count), 1, tokens), ttft, tpot


def _each(
    active: Sequence[int], passes: Mapping[int, ForwardPass]
) -> list[tuple[int, ForwardPass]]:
    """Workers that serve, with their last pass; one of nothing where there was none yet."""
    return [(number, passes.get(number, _no_pass(number))) for number in active]


def _no_pass(number: int) -> ForwardPass:
    nothing = dict.fromkeys(ForwardPass.model_fields, 0)
    return ForwardPass.model_validate({**nothing, "worker_id": number})
