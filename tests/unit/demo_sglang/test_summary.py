import numpy as np

from pd_e2e.demo.timeline import PoolSample, TimelineSample
from pd_e2e.demo_sglang.summary import missed, summarize
from pd_e2e.demo_sglang.worker_log import Flip, Worker, WorkerLog
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import RequestTable
from pd_operator.api.roles import Role

OBJECTIVES = Objectives(1.0, 0.05)


def requests(*ok: bool) -> RequestTable:
    seconds, tokens = np.full(len(ok), 0.5), np.full(len(ok), 10)
    return RequestTable(
        0.0, seconds, seconds, seconds, seconds, 0.1 * seconds, tokens, tokens, np.array(ok)
    )


def timeline() -> tuple[TimelineSample, ...]:
    few, many = PoolSample(1, 1, 1), PoolSample(2, 2, 2)
    return tuple(
        TimelineSample(float(second), pool, pool, None, None, "", "")
        for second, pool in enumerate((few, many, few))
    )


def log() -> WorkerLog:
    workers = [
        Worker("p0", Role.PREFILL, Role.PREFILL, startup_seconds=40.0),
        Worker("d0", Role.DECODE, Role.DECODE, startup_seconds=60.0),
        Worker("p1", Role.PREFILL, Role.PREFILL, off_since=1.0, idle=True, left=2.0),
    ]
    flips = [Flip("p1", Role.DECODE, 5.0, 4.0), Flip("p1", Role.PREFILL, 9.0, 6.0)]
    return WorkerLog({worker.name: worker for worker in workers}, flips)


def test_a_run_that_shows_everything_is_as_it_should_be() -> None:
    figures = summarize(requests(True, True), OBJECTIVES, timeline(), log(), [1500.0, 2500.0])
    assert missed(figures) == []
    assert (figures["scale_ups"], figures["prefill_max"]) == (1, 2)
    assert (figures["startup_seconds_mean"], figures["worker_megabytes_mean"]) == (50.0, 2000.0)
    assert (figures["flips_back"], figures["flip_seconds_max"]) == (1, 6.0)


def test_a_run_in_which_nobody_came_back_is_not_as_it_should_be() -> None:
    lent = log()
    del lent.flips[1]
    figures = summarize(requests(True), OBJECTIVES, timeline(), lent, [])
    told = "\n".join(missed(figures))
    assert "flips_to_prefill is 0" in told
    assert "flips_back is 0, at least 1 was to be shown" in told


def test_a_failed_request_and_a_worker_that_was_cut_off_are_told() -> None:
    cut = log()
    cut.workers["p1"].idle, cut.workers["p1"].startup_seconds = False, 50.0
    figures = summarize(requests(True, False), OBJECTIVES, timeline(), cut, [])
    assert figures["ttft_attainment"] == 0.5
    told = "\n".join(missed(figures))
    assert "requests_failed is 1, at most 0 was allowed" in told
    assert "scale_downs_cut is 1" in told
    assert "scale_downs_drained is 0, at least 1 was to be shown" in told
