"""What the router's choice of a prefill worker is worth: DOPD's length-aware idea among others.

DOPD (arXiv 2511.20982) sends long prompts at once and groups short ones, so that these need not
wait behind those. The nearest that SGLang's router has is its bucket policy: a range of lengths for
each worker. The same prompts are sent by each policy here, and by those that look at loads also
with loads that are some seconds old, as a router has them that asks its workers now and then.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scripts.sizing.cases import BYTES_PER_SECOND_PER_GPU, PROMPT

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import load_bundled
from pd_operator.simulation import Pools, Requests, ServiceModel, simulate

PROFILE, SIZE, WORKERS, UTILIZATION = "llama-3.1-70b-h100", 4, 8, 0.8
VARIATIONS = (0.96, 2.0)
_REQUESTS, _SEED = 40_000, 3
_POLICIES = (
    (PrefillPolicy.RANDOM, 0.0),
    (PrefillPolicy.ROUND_ROBIN, 0.0),
    (PrefillPolicy.BUCKET, 0.0),
    (PrefillPolicy.POWER_OF_TWO, 0.0),
    (PrefillPolicy.POWER_OF_TWO, 1.0),
    (PrefillPolicy.POWER_OF_TWO, 10.0),
    (PrefillPolicy.LEAST_LOAD, 0.0),
    (PrefillPolicy.LEAST_LOAD, 1.0),
    (PrefillPolicy.LEAST_LOAD, 10.0),
)


@dataclass(frozen=True)
class Waits:
    """P90 time to first token in seconds, of all prompts and of those below the mean length."""

    policy: PrefillPolicy
    poll_seconds: float
    variation: float
    ttft: float
    ttft_of_short: float


def waits() -> Iterator[Waits]:
    """Each policy, with the lengths of a conversation and with a heavier tail."""
    worker = load_bundled(PROFILE).surfaces(SIZE)
    for variation in VARIATIONS:
        rng = np.random.default_rng(_SEED)
        variance = np.log1p(variation**2)
        drawn = rng.lognormal(np.log(PROMPT) - variance / 2, np.sqrt(variance), _REQUESTS)
        prompts = np.clip(np.rint(drawn), 1, worker.kv_capacity_tokens // 4)
        gaps = rng.exponential(1.0, _REQUESTS)
        rate = UTILIZATION * WORKERS / worker.prefill_seconds_each(prompts).mean()
        requests = Requests.of(np.cumsum(gaps) / rate, prompts, 1)
        for policy, poll in _POLICIES:
            service = ServiceModel(
                worker,
                worker,
                BYTES_PER_SECOND_PER_GPU * worker.gpus,
                prefill_policy=policy,
                load_poll_seconds=poll,
            )
            result = simulate(requests, service, Pools(WORKERS, 1), seed=_SEED)
            short = result.ttft_seconds[prompts < PROMPT]
            yield Waits(
                policy, poll, variation, result.ttft_quantile(0.9), float(np.quantile(short, 0.9))
            )
