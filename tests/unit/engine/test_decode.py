from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_e2e.engine.decode import DecodeLimits, DecodeScheduler
from pd_e2e.engine.job import Bootstrap, FinishKind, Job, Output
from pd_e2e.engine.timings import load_profile
from pd_operator.performance.timing import Timings

MakeJob = Callable[..., Job]


def scheduler(timings: Timings, **limits: int | bool) -> DecodeScheduler:
    given_ = {"kv_tokens": 100_000, "running_requests": 256, "reserved_tokens": 0, **limits}
    return DecodeScheduler(timings, DecodeLimits(**given_), on_admitted=lambda _: None)  # type: ignore[arg-type]  # a mixed dict


def start(decode: DecodeScheduler, jobs: Iterable[Job], now: float = 0.0) -> list[Output]:
    """Let the KV of `jobs` arrive at `now`, with no time for the transfer."""
    outputs = []
    for job in jobs:
        outputs += decode.submit(job, now)
        outputs += decode.arrived(job, now)
    return outputs


def times_of(outputs: list[Output], job: Job) -> list[float]:
    return [output.at for output in outputs if output.job is job]


def test_the_first_token_goes_out_when_the_request_joins(
    timings: Timings, make_job: MakeJob
) -> None:
    job = make_job(1000, 10)
    (first,) = start(scheduler(timings), [job], now=2.0)
    assert (first.at, first.new_tokens, first.finish) == (2.0, 1, None)


def test_time_per_output_token_is_the_step_time_of_the_table(make_job: MakeJob) -> None:
    surfaces = load_profile("llama-3.1-70b-h100").surfaces(4)
    decode = scheduler(Timings(surfaces))
    jobs = [make_job(1024, 101) for _ in range(16)]
    outputs = start(decode, jobs) + decode.advance(100.0)
    for job in jobs:
        times = times_of(outputs, job)
        tpot = (times[-1] - times[0]) / 100
        assert tpot == pytest.approx(surfaces.decode_step_seconds(16, 1025 + 49.5), rel=1e-3)
        assert sum(output.new_tokens for output in outputs if output.job is job) == 101


def test_a_request_joins_at_the_next_step_boundary(timings: Timings, make_job: MakeJob) -> None:
    decode, early, late = scheduler(timings), make_job(1000, 50), make_job(1000, 50)
    start(decode, [early])
    step = timings.decode_step(1, 1001)
    outputs = start(decode, [late], now=2.5 * step) + decode.advance(10.0)
    assert times_of(outputs, late)[0] == pytest.approx(3 * step, rel=1e-3)


def test_a_larger_batch_makes_every_step_longer(timings: Timings, make_job: MakeJob) -> None:
    alone, crowded = scheduler(timings), scheduler(timings)
    solo, member = make_job(1000, 100), make_job(1000, 100)
    ends_alone = times_of(start(alone, [solo]) + alone.advance(100.0), solo)[-1]
    crowd = [member, *(make_job(1000, 100) for _ in range(9))]
    ends_crowded = times_of(start(crowded, crowd) + crowded.advance(100.0), member)[-1]
    assert ends_crowded - ends_alone == pytest.approx(99 * 9e-3, rel=0.01)


def test_tokens_come_in_chunks_of_the_stream_interval(timings: Timings, make_job: MakeJob) -> None:
    decode, job = scheduler(timings, stream_interval=16), make_job(100, 40)
    outputs = start(decode, [job]) + decode.advance(100.0)
    assert [output.new_tokens for output in outputs] == [1, 16, 16, 7]
    assert [output.total_tokens for output in outputs] == [1, 17, 33, 40]
    assert outputs[-1].finish is not None


def test_a_request_that_is_not_streamed_reports_every_fifty_tokens(
    timings: Timings, make_job: MakeJob
) -> None:
    decode, job = scheduler(timings), make_job(100, 120, streaming=False)
    outputs = start(decode, [job]) + decode.advance(100.0)
    assert [output.total_tokens for output in outputs] == [50, 100, 120]


def test_a_single_token_needs_no_step(timings: Timings, make_job: MakeJob) -> None:
    decode, job = scheduler(timings), make_job(100, 1)
    (output,) = start(decode, [job], now=1.0)
    assert (output.at, output.total_tokens) == (1.0, 1)
    assert output.finish is not None
    assert decode.idle


def test_requests_without_room_for_their_kv_wait_in_the_prealloc_queue(
    timings: Timings, make_job: MakeJob
) -> None:
    admitted: list[Job] = []
    limits = DecodeLimits(kv_tokens=3000, running_requests=256, reserved_tokens=100)
    decode = DecodeScheduler(timings, limits, admitted.append)
    first, second, third = (make_job(1200, 20) for _ in range(3))
    for job in (first, second, third):
        decode.submit(job, 0.0)
    assert admitted == [first, second]
    assert list(decode.prealloc) == [third]
    decode.arrived(first, 0.0)
    decode.advance(100.0)
    assert admitted == [first, second, third]


def test_a_freed_request_lets_the_next_in_at_that_moment(
    timings: Timings, make_job: MakeJob
) -> None:
    decode = scheduler(timings, kv_tokens=1500)
    first, second = make_job(1000, 20), make_job(1000, 20)
    outputs = start(decode, [first])
    decode.submit(second, 0.0)
    outputs += decode.advance(100.0)
    assert second.stamps.admitted == pytest.approx(times_of(outputs, first)[-1])


def test_no_more_requests_run_than_the_limit_allows(timings: Timings, make_job: MakeJob) -> None:
    decode = scheduler(timings, running_requests=2)
    jobs = [make_job(100, 10) for _ in range(5)]
    outputs = start(decode, jobs)
    assert len(decode.batch) == 2
    assert len(decode.waiting) == 3
    outputs += decode.advance(100.0)
    starts = [round(times_of(outputs, job)[0], 4) for job in jobs]
    assert starts[0] == starts[1] < starts[2] == starts[3] < starts[4]


def test_a_full_cache_throws_the_request_with_the_least_output_out_and_brings_it_back(
    timings: Timings, make_job: MakeJob
) -> None:
    decode = scheduler(timings, kv_tokens=2300)
    old, young = make_job(1000, 200), make_job(1000, 200)
    outputs = start(decode, [old])
    outputs += start(decode, [young], now=1.0)
    outputs += decode.advance(100.0)
    assert decode.retractions.requests == 1
    assert decode.retractions.input_tokens == 1000
    old_end, young_times = times_of(outputs, old)[-1], times_of(outputs, young)
    assert max(b - a for a, b in pairwise(young_times)) > 0.05
    assert young_times[-1] > old_end
    assert sum(output.new_tokens for output in outputs if output.job is young) == 200
    assert decode.idle
    assert decode.kv_used_tokens == 0


def test_without_a_backup_a_retracted_request_fails_with_503(
    timings: Timings, make_job: MakeJob
) -> None:
    decode = scheduler(timings, kv_tokens=2300, keeps_retracted=False)
    outputs = start(decode, [make_job(1000, 200), make_job(1000, 200)]) + decode.advance(100.0)
    (failed,) = [o for o in outputs if o.finish and o.finish.kind is FinishKind.ABORT]
    assert failed.finish is not None
    assert failed.finish.status == 503


def test_a_request_that_outgrows_the_cache_alone_fails(timings: Timings, make_job: MakeJob) -> None:
    decode, job = scheduler(timings, kv_tokens=1100), make_job(1000, 500)
    last = (start(decode, [job]) + decode.advance(100.0))[-1]
    assert last.finish is not None
    assert last.finish.status == 500
    assert decode.idle


def test_while_a_retracted_request_waits_nobody_new_is_let_in(
    timings: Timings, make_job: MakeJob
) -> None:
    decode = scheduler(timings, kv_tokens=2300)
    start(decode, [make_job(1000, 200), make_job(1000, 200)])
    decode.advance(2.5)
    assert decode.retracted
    newcomer = make_job(10, 5)
    decode.submit(newcomer, 2.5)
    assert newcomer in decode.prealloc


@pytest.mark.parametrize("stage", ["prealloc", "transfer", "waiting", "running"])
def test_a_removed_request_frees_its_kv_wherever_it_was(
    timings: Timings, make_job: MakeJob, stage: str
) -> None:
    decode = scheduler(timings, running_requests=1, kv_tokens=5000)
    running, job = make_job(1000, 50), make_job(1000, 50)
    start(decode, [running])
    if stage == "prealloc":
        job = make_job(4500, 50)
    if stage == "running":
        decode.remove(running, 0.05)
        assert (len(decode.batch), decode.kv_used_tokens) == (0, 0)
        return
    decode.submit(job, 0.0)
    if stage == "waiting":
        decode.arrived(job, 0.0)
    assert job in getattr(decode, stage)
    decode.remove(job, 0.05)
    decode.advance(100.0)
    assert decode.idle
    assert decode.kv_used_tokens == 0


def test_waking_up_late_loses_no_simulated_time(timings: Timings, make_job: MakeJob) -> None:
    def run(wakes: int) -> list[Output]:
        decode = scheduler(timings)
        outputs = start(decode, [make_job(500, 300) for _ in range(3)])
        for wake in range(1, wakes + 1):
            outputs += decode.advance(40.0 * wake / wakes)
        return outputs

    on_time, at_once = run(wakes=4000), run(wakes=1)
    assert [o.at for o in at_once] == pytest.approx([o.at for o in on_time])
    assert [o.new_tokens for o in at_once] == [o.new_tokens for o in on_time]


def test_moments_give_the_step_time_back(timings: Timings, make_job: MakeJob) -> None:
    decode = scheduler(timings)
    start(decode, [make_job(1000, 200)])
    start(decode, [make_job(1000, 200) for _ in range(7)], now=1.0)
    decode.advance(100.0)
    n, sum_b, sum_t, sum_bb, sum_bt, generated = decode.batch.moments
    slope = (n * sum_bt - sum_b * sum_t) / (n * sum_bb - sum_b**2)
    assert slope == pytest.approx(1000, rel=0.05)
    assert generated == 8 * 199


def test_a_gpu_that_slows_down_keeps_the_steps_it_has_done(
    timings: Timings, make_job: MakeJob
) -> None:
    decode, job = scheduler(timings), make_job(1000, 101)
    outputs = start(decode, [job])
    step = timings.decode_step(1, 1000)
    outputs += decode.settle_pace(50 * step)
    timings.slowdown = 3.0
    outputs += decode.advance(100.0)
    assert times_of(outputs, job)[-1] == pytest.approx((50 + 50 * 3) * step, rel=0.02)


def test_a_gpu_that_stood_still_goes_on_where_it_was(timings: Timings, make_job: MakeJob) -> None:
    decode, job = scheduler(timings), make_job(1000, 11)
    start(decode, [job])
    decode.shift(5.0)
    assert decode.advance(5.0) == []
    assert decode.advance(6.0)[-1].finish is not None


SMALL = st.tuples(st.integers(1, 800), st.integers(1, 60), st.floats(0.0, 2.0), st.booleans())


@given(requests=st.lists(SMALL, min_size=1, max_size=25), kv_tokens=st.integers(1000, 4000))
@settings(deadline=None, max_examples=60)
def test_every_request_gets_every_token_once_and_all_kv_comes_back(
    requests: list[tuple[int, int, float, bool]], kv_tokens: int
) -> None:
    surfaces = load_profile("llama-3.1-8b-h100").surfaces(1)
    pending: list[Job] = []
    limits = DecodeLimits(kv_tokens, running_requests=8, reserved_tokens=40, stream_interval=7)
    decode = DecodeScheduler(Timings(surfaces), limits, pending.append)
    outputs: list[Output] = []
    arrivals = sorted(requests, key=lambda request: request[2])
    for room, (prompt, output, at, streaming) in enumerate(arrivals):
        outputs += decode.submit(Job(str(room), prompt, output, streaming, _at(room)), at)
        while pending:
            outputs += decode.arrived(pending.pop(), at)
    now = 2.0
    while not decode.idle:
        now += 0.05
        outputs += decode.advance(now)
        assert decode.kv_used_tokens <= kv_tokens
        while pending:
            outputs += decode.arrived(pending.pop(), now)
    for room, (_, output, _, _) in enumerate(arrivals):
        mine = [o for o in outputs if o.job.rid == str(room)]
        assert sum(o.new_tokens for o in mine) == output
        assert [o.at for o in mine] == sorted(o.at for o in mine)
        assert [o.finish is not None for o in mine] == [False] * (len(mine) - 1) + [True]
    assert decode.kv_used_tokens == 0


def _at(room: int) -> Bootstrap:
    return Bootstrap("prefill", 8998, room)
