"""Requests few enough to reckon by hand: times of `conftest.surfaces`."""

from dataclasses import replace

import pytest

from pd_operator.simulation import EngineLimits, Pools, Requests, ServiceModel, simulate

ONE_PAIR = Pools(1, 1)


def step(batch: int, context: float) -> float:
    return 0.010 + 1e-3 * batch + 1e-6 * context


def test_the_first_token_comes_when_the_prompt_is_computed_and_moved(
    service: ServiceModel,
) -> None:
    result = simulate(Requests.of([5.0], 1000, 10), service, ONE_PAIR)
    assert result.ttft_seconds[0] == pytest.approx(0.1 + 0.001)


def test_each_later_token_takes_a_step_at_its_context(service: ServiceModel) -> None:
    result = simulate(Requests.of([5.0], 1000, 10), service, ONE_PAIR)
    steps = [step(1, 1001 + later) for later in range(9)]
    assert result.tpot_seconds[0] == pytest.approx(sum(steps) / 9, rel=1e-5)
    assert result.span_seconds == pytest.approx(5.101 + sum(steps))


def test_a_long_prompt_is_computed_in_chunks_that_attend_to_those_before(
    service: ServiceModel,
) -> None:
    chunked = replace(service, limits=EngineLimits(chunk_tokens=1000))
    result = simulate(Requests.of([0.0], 2500, 1), chunked, ONE_PAIR)
    assert result.ttft_seconds[0] == pytest.approx(0.1 + 0.11 + 0.06 + 0.0025)


@pytest.mark.parametrize(("fills", "passes"), [(True, (0.1, 0.05)), (False, (0.06, 0.09))])
def test_a_prompt_is_split_to_fill_a_pass_where_the_engine_does_so(
    service: ServiceModel, *, fills: bool, passes: tuple[float, float]
) -> None:
    limits = EngineLimits(chunk_tokens=1000, fills_passes=fills)
    requests = Requests.of([0.0, 0.001, 0.002], [100, 600, 900], 1)
    result = simulate(requests, replace(service, limits=limits), ONE_PAIR)
    first = 0.01 + passes[0]
    # The rest of the split prompt attends to the 400 tokens that are done.
    last = first + passes[1] + (0.05 * 0.04 if fills else 0.0)
    assert result.ttft_seconds[1] == pytest.approx(first + 0.0006 - 0.001)
    assert result.ttft_seconds[2] == pytest.approx(last + 0.0009 - 0.002)


def test_cached_tokens_are_attended_to_but_not_computed(service: ServiceModel) -> None:
    result = simulate(Requests.of([0.0], 3000, 1, cached_tokens=2000), service, ONE_PAIR)
    # The whole prompt is moved: the decode has no prefix cache.
    assert result.ttft_seconds[0] == pytest.approx(0.1 * 1.2 + 0.003)
    assert result.prefill.tokens == 1000


def test_prompts_that_wait_share_the_next_pass(service: ServiceModel) -> None:
    result = simulate(Requests.of([0.0, 0.01, 0.02], 1000, 1), service, ONE_PAIR)
    assert result.ttft_seconds[0] == pytest.approx(0.101)
    # Both are through after the second pass; one is moved after the other.
    assert result.ttft_seconds[1] == pytest.approx(0.1 + 0.2 + 0.001 - 0.01)
    assert result.ttft_seconds[2] == pytest.approx(0.1 + 0.2 + 0.002 - 0.02)


def test_a_request_joins_the_batch_at_the_end_of_the_running_step(service: ServiceModel) -> None:
    result = simulate(Requests.of([0.0, 0.005], [1000, 100], [50, 50]), service, Pools(2, 1))
    joined = 0.101  # the first one begins; the other's KV came at 0.0151 and waits for nobody
    assert result.ttft_seconds[1] == pytest.approx(0.0101)
    boundary = 0.0151
    steps = 0
    while boundary < joined - 1e-9:
        boundary += step(1, 101 + steps)
        steps += 1
    assert result.ttft_seconds[0] == pytest.approx(boundary, rel=1e-5)


def test_one_token_ends_with_the_prefill(service: ServiceModel) -> None:
    result = simulate(Requests.of([0.0, 0.0], 1000, 1), service, ONE_PAIR)
    assert result.tpot_quantile(0.9) != result.tpot_quantile(0.9)  # there is none
    assert result.decode.tokens == 0


def test_without_room_a_prompt_is_not_even_computed(service: ServiceModel) -> None:
    requests = Requests.of([0.0, 0.0], [60_000, 60_000], [1, 1])
    result = simulate(requests, service, Pools(2, 1))
    first = 0.1 * 8 * 8.192 + 0.1  # at least
    assert result.ttft_seconds[1] > result.ttft_seconds[0] + first


def test_a_prompt_larger_than_the_kv_cache_is_lost(service: ServiceModel) -> None:
    result = simulate(Requests.of([0.0, 0.0], [100_001, 10], [1, 1]), service, ONE_PAIR)
    assert result.lost_requests == 1
    assert result.ttft_seconds[0] == float("inf")


def test_a_batch_that_outgrows_its_room_throws_out_and_takes_back(service: ServiceModel) -> None:
    tight = replace(
        service,
        decode=replace(service.decode, kv_capacity_tokens=4000),
        limits=EngineLimits(reserved_tokens=1),
    )
    result = simulate(Requests.of([0.0, 0.0], [1500, 1500], [1200, 1200]), tight, ONE_PAIR)
    assert result.retractions == 1
    assert result.lost_requests == 0
    assert result.decode.tokens == 2 * 1199


def test_an_answer_that_no_worker_has_room_for_is_lost(service: ServiceModel) -> None:
    tight = replace(service, decode=replace(service.decode, kv_capacity_tokens=2000))
    result = simulate(Requests.of([0.0], [1500], [1200]), tight, ONE_PAIR)
    assert result.lost_requests == 1


def test_no_requests_are_no_trouble(service: ServiceModel) -> None:
    result = simulate(Requests.of([], [], []), service, ONE_PAIR)
    assert result.gpu_seconds == 0
