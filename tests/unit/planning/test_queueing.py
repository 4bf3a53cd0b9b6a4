import math

import numpy as np
import pytest

from pd_operator.planning.queueing import (
    Queue,
    Service,
    Waiting,
    allen_cunneen,
    erlang_c,
    kraemer_langenbach_belz,
    pollaczek_khinchine,
    power_of_two,
    quantile,
    share_later_than,
    until_the_pass_ends,
)

CONSTANT = Service(np.array([0.1]), np.array([1.0]))
EXPONENTIAL = Service(  # an exponential law of mean 0.1 s, cut into equally likely slices
    -0.1 * np.log1p(-(np.arange(4000) + 0.5) / 4000), np.full(4000, 1 / 4000)
)


@pytest.mark.parametrize(
    ("servers", "load", "probability"),
    [
        (1, 0.7, 0.7),  # M/M/1: a prompt waits as often as the worker is busy
        (2, 1.0, 1 / 3),  # textbook value
        (10, 8.0, 0.409180),  # Erlang's tables
        (5, 0.0, 0.0),
        (5, 5.0, 1.0),
        (5, 9.0, 1.0),
    ],
)
def test_erlang_c_gives_the_tables_values(servers: int, load: float, probability: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(probability, abs=1e-5)


def test_erlang_c_does_not_overflow_with_a_thousand_servers() -> None:
    assert 0 < erlang_c(1000, 950.0) < 1


def test_one_worker_with_exponential_service_is_m_m_1() -> None:
    waiting = allen_cunneen(rate=7.0, servers=1, service=EXPONENTIAL, arrival_scv=1.0)
    assert waiting.mean == pytest.approx(0.7 * 0.1 / 0.3, rel=0.01)


def test_constant_service_waits_half_as_long_as_exponential() -> None:
    fixed = allen_cunneen(7.0, 1, CONSTANT, 1.0)
    assert fixed.mean == pytest.approx(0.7 * 0.1 / 0.3 / 2)


def test_pollaczek_khinchine_is_exact_for_m_g_1() -> None:
    two_kinds = Service(np.array([0.05, 0.35]), np.array([5 / 6, 1 / 6]))
    waiting = pollaczek_khinchine(7.0, 1, two_kinds, 1.0)
    second_moment = float(two_kinds.probabilities @ two_kinds.seconds**2)
    assert waiting.mean == pytest.approx(7.0 * second_moment / (2 * (1 - 7.0 * two_kinds.mean)))


def test_a_router_that_knows_the_load_makes_prompts_wait_less() -> None:
    assert (
        allen_cunneen(35.0, 5, CONSTANT, 1.0).mean
        < 0.3 * pollaczek_khinchine(35.0, 5, CONSTANT, 1.0).mean
    )


QUEUES = (allen_cunneen, power_of_two, kraemer_langenbach_belz, pollaczek_khinchine)


def test_the_more_a_router_knows_the_shorter_prompts_wait() -> None:
    means = [queue(28.0, 4, EXPONENTIAL, 1.0).mean for queue in QUEUES]
    assert means == sorted(means)
    assert means[0] < means[1] < means[2] < means[3]


def test_one_worker_is_one_queue_whatever_the_router() -> None:
    alone = pollaczek_khinchine(7.0, 1, EXPONENTIAL, 1.0)
    for queue in QUEUES:
        waiting = queue(7.0, 1, EXPONENTIAL, 1.0)
        assert waiting.mean == pytest.approx(alone.mean)
        assert waiting.probability == pytest.approx(alone.probability)


def test_of_two_workers_power_of_two_knows_both() -> None:
    assert power_of_two(14.0, 2, CONSTANT, 1.0) == allen_cunneen(14.0, 2, CONSTANT, 1.0)


def test_even_arrivals_of_even_prompts_never_wait() -> None:
    assert kraemer_langenbach_belz(28.0, 4, CONSTANT, 0.0).mean == 0.0


def test_without_arrivals_nobody_waits() -> None:
    for queue in QUEUES:
        assert queue(0.0, 4, EXPONENTIAL, 1.0).mean == 0.0


def test_a_prompt_is_through_when_its_pass_is() -> None:
    waiting = Waiting(0.8, 0.5)
    assert until_the_pass_ends(waiting, 0.8).seconds == pytest.approx(0.5 * (1 + 0.8 / 1.8))
    assert until_the_pass_ends(waiting, 0.8, share=0.0) == waiting


def test_the_more_workers_two_are_drawn_from_the_seldomer_both_are_busy() -> None:
    both_busy = [power_of_two(5.0 * n, n, CONSTANT, 1.0).probability for n in (2, 3, 10, 10_000)]
    assert both_busy[0] == pytest.approx(1 / 3)  # of the only two
    assert both_busy == sorted(both_busy, reverse=True)
    assert both_busy[-1] == pytest.approx(0.5**2, rel=1e-3)  # of any two


@pytest.mark.parametrize(
    "queue", [kraemer_langenbach_belz, power_of_two], ids=lambda queue: queue.__name__
)
def test_against_simulated_queues_of_workers_of_their_own(queue: Queue) -> None:
    rng = np.random.default_rng(6)
    seconds = rng.exponential(0.1, 100_000)
    workers, use = 8, 0.75
    arrivals = np.cumsum(rng.exponential(0.1 / workers / use, len(seconds)))
    draws = rng.integers(workers, size=(len(seconds), 2))
    free = [0.0] * workers
    taken = np.empty(len(seconds))
    for i, (arrival, work) in enumerate(zip(arrivals, seconds, strict=True)):
        one, other = draws[i]
        lesser = one if free[one] <= free[other] else other
        chosen = i % workers if queue is kraemer_langenbach_belz else int(lesser)
        free[chosen] = max(free[chosen], arrival) + work
        taken[i] = free[chosen] - arrival
    expected = quantile(0.9, queue(use * workers / 0.1, workers, EXPONENTIAL, 1.0), EXPONENTIAL)
    # Work, which is what is compared here, tells a little more than the number of prompts.
    assert np.quantile(taken, 0.9) <= 1.03 * expected
    assert np.quantile(taken, 0.9) >= 0.8 * expected


def test_against_a_simulated_worker_with_bursty_arrivals() -> None:
    rng = np.random.default_rng(3)
    # Two exponential laws in balance: gaps of mean 1 s and squared variation 4.
    often = (1 + math.sqrt(3 / 5)) / 2
    share = np.where(rng.random(100_000) < often, often, 1 - often)
    gaps = rng.exponential(1 / (2 * share))
    work, left = 0.7, 0.0
    waits = np.empty(len(gaps))
    for i, gap in enumerate(gaps):
        waits[i] = left
        left = max(0.0, left + work - gap)
    expected = kraemer_langenbach_belz(1.0, 1, Service(np.array([work]), np.array([1.0])), 4.0)
    assert (waits > 0).mean() == pytest.approx(expected.probability, rel=0.06)
    assert waits.mean() == pytest.approx(expected.mean, rel=0.12)


def test_bursty_arrivals_wait_longer() -> None:
    for queues in QUEUES:
        assert queues(35.0, 5, CONSTANT, 4.0).mean > queues(35.0, 5, CONSTANT, 1.0).mean


def test_a_queue_that_grows_without_end_waits_for_ever() -> None:
    for queues in QUEUES:
        endless = queues(50.0, 5, CONSTANT, 1.0)
        assert endless == Waiting(1.0, math.inf)
        assert quantile(0.9, endless, CONSTANT) == math.inf


def test_the_quantile_of_the_sum_is_that_of_m_m_1() -> None:
    waiting = allen_cunneen(7.0, 1, EXPONENTIAL, 1.0)
    # The sojourn time of M/M/1 is exponential with mean S / (1 - rho).
    expected = -math.log(0.1) * 0.1 / 0.3
    assert quantile(0.9, waiting, EXPONENTIAL) == pytest.approx(expected, rel=0.01)


def test_without_waiting_the_quantile_is_that_of_the_rest() -> None:
    rest = Service(np.array([0.1, 0.2, 0.3, 0.4]), np.full(4, 0.25))
    never = Waiting(0.0, 0.0)
    assert quantile(0.5, never, rest) == pytest.approx(0.2, rel=1e-4)
    assert quantile(0.51, never, rest) == pytest.approx(0.3, rel=1e-4)
    assert share_later_than(0.25, never, rest) == pytest.approx(0.5)


def test_against_a_simulated_queue_of_real_prompt_lengths() -> None:
    rng = np.random.default_rng(4)
    seconds = rng.lognormal(math.log(0.08), 0.8, 200_000)
    service = Service(np.sort(seconds)[::200], np.full(1000, 1 / 1000))
    workers, rate = 4, 0.75 * 4 / seconds.mean()
    arrivals = np.cumsum(rng.exponential(1 / rate, len(seconds)))
    free = [0.0] * workers
    taken = np.empty(len(seconds))
    for i, (arrival, work) in enumerate(zip(arrivals, seconds, strict=True)):
        first = min(range(workers), key=lambda k: free[k])
        free[first] = max(free[first], arrival) + work
        taken[i] = free[first] - arrival
    expected = quantile(0.9, allen_cunneen(rate, workers, service, 1.0), service)
    assert expected == pytest.approx(np.quantile(taken, 0.9), rel=0.1)
