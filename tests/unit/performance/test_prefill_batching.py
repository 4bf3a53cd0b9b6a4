"""The pace of a worker, found from its counters, against the scheduler of simulated engines."""

import numpy as np
import pytest

from pd_e2e.engine.job import Bootstrap, Job, Stamps
from pd_e2e.engine.prefill import PrefillLimits, PrefillScheduler
from pd_operator.performance import load_bundled
from pd_operator.performance.prefill_batching import Prompts, pace
from pd_operator.performance.timing import KvLink, Timings

SECONDS = 300.0


def counted(
    profile: str, size: int, mean_tokens: float, busy: float, slower: float
) -> tuple[PrefillScheduler, Prompts, float]:
    """A scheduler after Poisson arrivals of lognormal prompts that keep it so busy."""
    surfaces = load_bundled(profile).surfaces(size)
    draws = np.random.default_rng(7)
    tokens = np.maximum(1, draws.lognormal(np.log(mean_tokens) - 0.32, 0.8, 4000)).astype(int)
    lengths = tokens.astype(np.float64)
    prompts = Prompts(lengths, np.full(len(lengths), 1 / len(lengths)))
    rate = busy / (slower * float(surfaces.prefill_seconds_each(lengths).mean()))
    scheduler = PrefillScheduler(
        Timings(surfaces, slower),
        PrefillLimits(8192, 16384, surfaces.kv_capacity_tokens),
        KvLink(1e12, surfaces.kv_bytes_per_token),
    )
    now = 0.0
    for number, prompt in enumerate(np.resize(tokens, int(rate * SECONDS)).tolist()):
        now += draws.exponential(1 / rate)
        job = Job(
            rid=str(number),
            prompt_tokens=prompt,
            output_tokens=2,
            streaming=True,
            bootstrap=Bootstrap("h", 1, number),
            prompt_key=number,
            stamps=Stamps(received=now),
        )
        scheduler.submit(job, now)
        scheduler.admit(job, now)
    scheduler.advance(now)
    return scheduler, prompts, now


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.85])
@pytest.mark.parametrize(
    ("profile", "size", "mean_tokens"),
    [
        ("llama-3.1-70b-h100", 4, 200),
        ("llama-3.1-70b-h100", 4, 1155),
        ("llama-3.1-8b-h100", 1, 1155),
    ],
)
def test_the_pace_is_found_although_prompts_share_passes(
    profile: str, size: int, mean_tokens: float, busy: float
) -> None:
    scheduler, prompts, seconds = counted(profile, size, mean_tokens, busy, slower=1.3)
    computed = scheduler.counters.uncached_tokens / prompts.mean
    found = pace(
        scheduler.counters.busy_seconds / computed,
        computed / seconds,
        prompts,
        load_bundled(profile).surfaces(size),
    )
    assert found == pytest.approx(1.3, abs=0.05)


def test_a_worker_that_nobody_waits_for_computes_each_prompt_alone(prompts: Prompts) -> None:
    surfaces = load_bundled("llama-3.1-70b-h100").surfaces(4)
    alone = float(prompts.probabilities @ surfaces.prefill_seconds_each(prompts.lengths))
    assert pace(2 * alone, 1e-9, prompts, surfaces) == pytest.approx(2.0, rel=1e-3)
