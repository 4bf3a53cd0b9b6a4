from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_e2e.engine.job import NO_PEER, Bootstrap, FinishKind, Job
from pd_e2e.engine.prefill import PrefillLimits, PrefillScheduler
from pd_e2e.engine.timings import load_profile
from pd_operator.performance.timing import KvLink, Timings

MakeJob = Callable[..., Job]


def scheduler(
    timings: Timings,
    chunk_tokens: int | None = 8000,
    pass_tokens: int = 16_000,
    kv_tokens: int = 100_000,
    bytes_per_second: float = 1e12,
) -> PrefillScheduler:
    return PrefillScheduler(
        timings,
        PrefillLimits(chunk_tokens, pass_tokens, kv_tokens),
        KvLink(bytes_per_second, bytes_per_token=1000),
    )


def start(prefill: PrefillScheduler, job: Job, now: float) -> None:
    prefill.submit(job, now)
    prefill.admit(job, now)


def test_a_request_is_not_computed_before_its_decode_has_room(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill, job = scheduler(timings), make_job(1000)
    prefill.submit(job, 0.0)
    assert prefill.next_event() is None
    assert list(prefill.bootstrapping) == [job]
    prefill.admit(job, 7.0)
    (output,) = prefill.advance(100.0)
    assert output.at == pytest.approx(7.0 + 0.1, abs=1e-4)


def test_a_request_ends_when_its_kv_has_crossed_the_link(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill, job = scheduler(timings, bytes_per_second=1e7), make_job(1000)
    start(prefill, job, 0.0)
    assert prefill.advance(0.15) == []
    assert prefill.inflight == 1
    (output,) = prefill.advance(1.0)
    assert output.at == pytest.approx(0.1 + 0.1)
    assert output.new_tokens == 1
    assert output.finish is not None
    assert output.finish.kind is FinishKind.LENGTH
    assert prefill.idle


def test_transfers_share_the_link_one_after_the_other(timings: Timings, make_job: MakeJob) -> None:
    prefill = scheduler(timings, bytes_per_second=1e6)
    for job in (make_job(1000), make_job(1000)):
        start(prefill, job, 0.0)
    first, second = prefill.advance(10.0)
    assert first.at == pytest.approx(0.1 + 1.0)
    assert second.at == pytest.approx(0.1 + 2.0)


def test_requests_that_wait_share_the_next_pass(timings: Timings, make_job: MakeJob) -> None:
    prefill = scheduler(timings)
    start(prefill, make_job(1000), 0.0)
    for _ in range(3):
        start(prefill, make_job(2000), 0.05)
    ends = [round(output.at, 3) for output in prefill.advance(10.0)]
    assert ends == [0.1, 0.7, 0.7, 0.7]
    assert prefill.counters.passes == 2


def test_during_a_pass_a_worker_tells_what_it_was_before(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill = scheduler(timings)
    start(prefill, make_job(1000), 3.0)
    start(prefill, make_job(2000), 3.05)
    prefill.advance(3.09)
    told = prefill.published(3.09)
    assert (told.seconds, told.waiting, told.uncached_tokens) == (3.0, 0, 0)
    prefill.advance(3.15)
    told = prefill.published(3.15)
    assert told.seconds == pytest.approx(3.1)
    assert (told.waiting, told.waiting_tokens, told.uncached_tokens) == (1, 2000, 1000)


def test_a_worker_without_a_pass_tells_what_it_is_now(timings: Timings, make_job: MakeJob) -> None:
    prefill = scheduler(timings)
    prefill.submit(make_job(1000), 3.0)
    told = prefill.published(8.0)
    assert (told.seconds, told.bootstrapping, told.pending_tokens) == (8.0, 1, 1000)


def test_a_long_prompt_is_computed_in_chunks_and_shares_its_last_pass(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill = scheduler(timings, chunk_tokens=4000)
    long, short = make_job(10_000), make_job(500)
    start(prefill, long, 0.0)
    start(prefill, short, 0.01)
    outputs = prefill.advance(100.0)
    assert prefill.counters.passes == 3
    assert prefill.counters.uncached_tokens == 10_500
    assert {output.job for output in outputs} == {long, short}
    assert outputs[0].at == pytest.approx(outputs[1].at, abs=1e-4)


def test_later_chunks_pay_for_attention_to_the_earlier_ones(
    timings: Timings, make_job: MakeJob
) -> None:
    whole, chunked = scheduler(timings), scheduler(timings, chunk_tokens=1000)
    for prefill in (whole, chunked):
        start(prefill, make_job(4000), 0.0)
        prefill.advance(100.0)
    # Chunks after 1000, 2000 and 3000 cached tokens cost 1.1, 1.2 and 1.3 times their compute.
    assert whole.counters.busy_seconds == pytest.approx(0.4)
    assert chunked.counters.busy_seconds == pytest.approx(0.1 * (1 + 1.1 + 1.2 + 1.3), rel=0.01)


def test_without_chunking_a_prompt_beyond_the_budget_goes_alone(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill = scheduler(timings, chunk_tokens=None, pass_tokens=3000)
    for tokens in (2000, 5000, 1000):
        start(prefill, make_job(tokens), 0.0)
    outputs = prefill.advance(100.0)
    assert prefill.counters.passes == 3
    assert [output.job.prompt_tokens for output in outputs] == [2000, 5000, 1000]


def test_kv_of_prompts_on_their_way_keeps_others_waiting(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill = scheduler(timings, kv_tokens=1500, bytes_per_second=1e6)
    for job in (make_job(1000), make_job(1000)):
        start(prefill, job, 0.0)
    prefill.advance(0.5)
    assert prefill.kv_used_tokens == 1000
    assert len(prefill.waiting) == 1
    first, second = prefill.advance(10.0)
    assert second.at == pytest.approx(first.at + 0.1 + 1.0)


def test_waking_up_late_loses_no_simulated_time(timings: Timings, make_job: MakeJob) -> None:
    punctual, late = scheduler(timings), scheduler(timings)
    for prefill in (punctual, late):
        for tokens in (3000, 6000, 6000, 6000):
            start(prefill, make_job(tokens), 0.0)
    on_time = []
    for moment in range(300):
        on_time += [output.at for output in punctual.advance(moment / 100)]
    assert [output.at for output in late.advance(3.0)] == pytest.approx(on_time)


def test_a_removed_request_produces_nothing_and_frees_its_kv(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill, gone, stays = scheduler(timings), make_job(1000), make_job(1000)
    start(prefill, gone, 0.0)
    start(prefill, stays, 0.0)
    prefill.remove(gone, 0.05)
    assert prefill.kv_used_tokens == 0
    assert [output.job for output in prefill.advance(10.0)] == [stays]
    assert prefill.idle


def test_a_request_with_nobody_to_send_to_ends_with_its_pass(
    timings: Timings, make_job: MakeJob
) -> None:
    prefill = scheduler(timings, bytes_per_second=1.0)
    start(prefill, make_job(1000, host=NO_PEER), 0.0)
    (output,) = prefill.advance(10.0)
    assert output.at == pytest.approx(0.1, abs=1e-4)


def test_a_gpu_that_stood_still_goes_on_where_it_was(timings: Timings, make_job: MakeJob) -> None:
    prefill = scheduler(timings)
    start(prefill, make_job(1000), 0.0)
    prefill.shift(5.0)
    assert prefill.advance(5.05) == []
    assert len(prefill.advance(5.2)) == 1


@given(
    prompts=st.lists(
        st.tuples(st.integers(1, 20_000), st.floats(0.0, 3.0)), min_size=1, max_size=30
    ),
    chunk_tokens=st.none() | st.integers(100, 9000),
)
@settings(deadline=None, max_examples=60)
def test_every_prompt_is_computed_once_in_order_and_all_kv_comes_back(
    prompts: list[tuple[int, float]], chunk_tokens: int | None
) -> None:
    timings = Timings(load_profile("llama-3.1-8b-h100").surfaces(1))
    prefill = scheduler(timings, chunk_tokens=chunk_tokens, kv_tokens=40_000)
    arrivals = sorted(prompts, key=lambda prompt: prompt[1])
    outputs = []
    for room, (tokens, at) in enumerate(arrivals):
        job = Job(str(room), tokens, 5, streaming=True, bootstrap=Bootstrap("h", 1, room))
        outputs += prefill.advance(at)
        prefill.submit(job, at)
        outputs += prefill.admit(job, at)
        assert prefill.kv_used_tokens <= 40_000
    outputs += prefill.advance(1e6)
    assert [output.job.rid for output in outputs] == [str(room) for room in range(len(arrivals))]
    assert prefill.counters.uncached_tokens == sum(tokens for tokens, _ in arrivals)
    assert prefill.kv_used_tokens == 0
    assert prefill.idle
