"""The worked example of arXiv 2603.04716: DeepSeek-V3.1 on nodes of eight H200."""

import math

import pytest

from pd_operator.planning.methods import slo_aware

WORKLOAD = slo_aware.Workload(tokens_per_second=5e6 / 60, prompt=6144, output=512)
DECODE_RATE = 1700.0
"""Tokens per second of a decode worker at a TPOT of 20 ms, as the paper finds it."""


def prefill_rate(room: float = 1.0) -> float:
    return slo_aware.prefill_throughput(28_300, 6144, 2.0, 0.1, room)


def test_prefill_throughput_within_two_seconds() -> None:
    assert prefill_rate() == pytest.approx(25_066, abs=1)


@pytest.mark.parametrize(("percentile", "rate"), [(0.90, 20_853), (0.99, 13_409)])
def test_a_percentile_takes_more_room_than_the_mean(percentile: float, rate: float) -> None:
    assert prefill_rate(math.log(1 / (1 - percentile))) == pytest.approx(rate, abs=2)


def test_three_prefill_and_four_decode_workers() -> None:
    counts = slo_aware.as_published(WORKLOAD, prefill_rate(), DECODE_RATE)
    assert counts.prefill_share == pytest.approx(3.069, abs=0.01)
    assert counts.decode_share == pytest.approx(3.771, abs=0.001)
    assert counts.ratio == pytest.approx(0.814, abs=0.003)
    assert (counts.prefill, counts.decode) == (3, 4)


def test_rounding_up_takes_the_worker_that_the_paper_s_own_run_lacked() -> None:
    counts = slo_aware.corrected(WORKLOAD, prefill_rate(), DECODE_RATE)
    assert (counts.prefill, counts.decode) == (4, 4)


@pytest.mark.parametrize(("ttft", "overhead"), [(0.2, 0.1), (0.1, 0.1), (0.05, 0.1)])
def test_an_objective_below_the_prompt_s_own_time_is_refused(ttft: float, overhead: float) -> None:
    with pytest.raises(ValueError, match="no time for a mean prompt"):
        slo_aware.prefill_throughput(28_300, 6144, ttft, overhead)
