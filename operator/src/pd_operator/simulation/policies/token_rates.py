"""Scaling on token rates: TokenScale and HeteroScale, from their abstracts and reviews.

TokenScale (arXiv 2512.03416): workers = token arrival rate over the tokens per second that a worker
of the stage can absorb, from the lengths of each request, at once up and down. Its convertible
decoders need an engine that computes prompts on decode workers, so they are left out.

HeteroScale (arXiv 2508.19559): the tokens per second that decode generates are the one signal; both
pools follow it in a fixed ratio, with hysteresis and a cooldown, and grow by a tenth, or a fifth,
where latency says so.
"""

import math
from collections import deque

from pd_operator.simulation.policies.present import present_pools, within
from pd_operator.simulation.policies.worker_capacity import WorkerCapacity
from pd_operator.simulation.pools import Pools
from pd_operator.simulation.snapshot import Snapshot

_SCALE_IN_BELOW = 0.8
_COOLDOWN_SECONDS = 300.0
_SLOW, _VERY_SLOW = 1.0, 1.5
"""Latency over its objective where a tenth, and a fifth, more workers are asked for."""


class TokenScale:
    """Workers for the tokens that arrived in the last `window_seconds`.

    Output lengths are known as a request arrives, which its predictor only nearly does.
    """

    period_seconds = 5.0

    def __init__(self, capacity: WorkerCapacity, most: Pools, window_seconds: float = 10.0) -> None:
        self._capacity = capacity
        self._most = most
        self._window = window_seconds
        self._seen: deque[tuple[float, int, int, int]] = deque()
        self._begin = 0.0

    def decide(self, snapshot: Snapshot) -> Pools:
        """Arrival rates over what a worker absorbs."""
        now, arrived = snapshot.time_seconds, snapshot.arrived
        prompts, answers = int(arrived.prompt_tokens.sum()), int(arrived.output_tokens.sum())
        self._seen.append((now, len(arrived), prompts, answers))
        while len(self._seen) > 1 and self._seen[0][0] <= now - self._window:
            self._begin, *_ = self._seen.popleft()
        requests, prompts, answers = (sum(part) for part in list(zip(*self._seen, strict=True))[1:])
        if not requests:
            return present_pools(snapshot)
        rate = requests / (now - self._begin)
        prompt, output = prompts / requests, answers / requests
        return within(
            math.ceil(rate * self._capacity.prompt_seconds(prompt)),
            math.ceil(rate / self._capacity.decode_requests_per_second(prompt, output)),
            self._most,
        )


class HeteroScale:
    """Decode's tokens per second over a target for each worker, prefill in a fixed `ratio`.

    `prompt_tokens`, `output_tokens`: the mean lengths of the pressure test that gave both.
    """

    period_seconds = 15.0

    def __init__(
        self,
        capacity: WorkerCapacity,
        most: Pools,
        prompt_tokens: float,
        output_tokens: float,
        utilization: float = 0.7,
    ) -> None:
        self._capacity = capacity
        self._most = most
        self._ratio = capacity.workers_per_decode(prompt_tokens, output_tokens)
        answers = capacity.decode_requests_per_second(prompt_tokens, output_tokens)
        self._target = utilization * answers * output_tokens
        self._done: dict[int, int] = {}
        self._changed_at = -math.inf

    def decide(self, snapshot: Snapshot) -> Pools:
        """Both pools together."""
        present = present_pools(snapshot)
        wanted = self._generated(snapshot) / self.period_seconds / self._target
        wanted *= self._pressure(snapshot)
        decode = max(1, math.ceil(wanted))
        if decode < present.decode and not self._may_shrink(snapshot, wanted / present.decode):
            decode = present.decode
        if decode != present.decode:
            self._changed_at = snapshot.time_seconds
        return within(math.ceil(decode * self._ratio), decode, self._most)

    def _may_shrink(self, snapshot: Snapshot, utilization: float) -> bool:
        cool = snapshot.time_seconds - self._changed_at >= _COOLDOWN_SECONDS
        return cool and utilization < _SCALE_IN_BELOW

    def _generated(self, snapshot: Snapshot) -> int:
        """Tokens since the last tick, of the workers that serve."""
        done = {worker.number: worker.tokens_done for worker in snapshot.decode.workers}
        newly = sum(tokens - self._done.get(number, 0) for number, tokens in done.items())
        self._done = done
        return newly

    def _pressure(self, snapshot: Snapshot) -> float:
        """1, or more where the answers of late were too slow in the mean."""
        if not len(snapshot.completed):
            return 1.0
        objectives = self._capacity.objectives
        over = float(snapshot.ttft_seconds.mean()) / objectives.ttft.seconds
        return 1.2 if over > _VERY_SLOW else 1.1 if over > _SLOW else 1.0
