from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import cast

import pytest

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import load_bundled
from pd_operator.simulation import ServiceModel
from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.job import Job
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.routers import Picker, prefill_picker

SURFACES = load_bundled("llama-3.1-8b-h100").surfaces(1)


@dataclass(eq=False)
class Loaded:
    """A worker as far as a router looks at it."""

    pending_tokens: int
    requests: int


def workers(*loads: int) -> list[PrefillWorker]:
    return cast("list[PrefillWorker]", [Loaded(load, load) for load in loads])


def job(prompt: int = 100) -> Job:
    return Job(0, 0.0, prompt, 1, 0)


def picker_of(
    policy: PrefillPolicy, agenda: Agenda, poll_seconds: float = 0.0
) -> Picker[PrefillWorker]:
    service = ServiceModel(
        SURFACES, SURFACES, prefill_policy=policy, load_poll_seconds=poll_seconds
    )
    return prefill_picker(service, Random(1), agenda)


def places(policy: PrefillPolicy, pool: list[PrefillWorker], picks: int) -> Counter[int]:
    picker = picker_of(policy, Agenda())
    return Counter(pool.index(picker.pick(pool, job())) for _ in range(picks))


def test_round_robin_deals_evenly() -> None:
    assert set(places(PrefillPolicy.ROUND_ROBIN, workers(9, 0, 5), 30).values()) == {10}


def test_random_reaches_everyone_whatever_the_load() -> None:
    found = places(PrefillPolicy.RANDOM, workers(9, 0, 5), 3000)
    assert all(900 < count < 1100 for count in found.values())


def test_least_load_takes_the_least_loaded() -> None:
    assert places(PrefillPolicy.LEAST_LOAD, workers(9, 3, 5), 10) == {1: 10}


def test_power_of_two_never_takes_the_most_loaded_and_mostly_the_least() -> None:
    found = places(PrefillPolicy.POWER_OF_TWO, workers(9, 0, 5), 3000)
    assert found[0] == 0
    assert found[1] == pytest.approx(2000, abs=100)


def test_power_of_two_does_with_one() -> None:
    assert places(PrefillPolicy.POWER_OF_TWO, workers(9), 5) == {0: 5}


def test_buckets_keep_short_prompts_from_waiting_for_long_ones() -> None:
    agenda, pool = Agenda(), workers(0, 0)
    picker = picker_of(PrefillPolicy.BUCKET, agenda)
    # As many tokens in short prompts as in long ones; a while to learn their lengths.
    lengths = [100] * 30 + [3000]
    by_length: dict[int, Counter[int]] = {100: Counter(), 3000: Counter()}
    for turn in range(400):
        agenda.now = 0.2 * turn
        prompt = lengths[turn % len(lengths)]
        place = pool.index(picker.pick(pool, job(prompt)))
        if agenda.now > 20:
            by_length[prompt][place] += 1
    assert by_length[3000].most_common(1)[0][0] == 1
    assert by_length[100][0] > by_length[100][1]


def test_buckets_even_out_what_was_sent_lately() -> None:
    agenda, pool = Agenda(), workers(0, 0, 0)
    picker = picker_of(PrefillPolicy.BUCKET, agenda)
    sent = Counter(pool.index(picker.pick(pool, job(500))) for _ in range(300))
    assert max(sent.values()) <= 1.6 * min(sent.values())


def test_buckets_are_drawn_anew_when_a_worker_comes_or_goes() -> None:
    agenda, pool = Agenda(), workers(0, 0, 0)
    picker = picker_of(PrefillPolicy.BUCKET, agenda)
    for size in (3, 1, 2):
        for _ in range(20):
            assert picker.pick(pool[:size], job(700)) in pool[:size]


def test_between_two_polls_the_old_loads_count() -> None:
    agenda, idle, busy = Agenda(), Loaded(0, 9), Loaded(5000, 0)
    pool = cast("list[PrefillWorker]", [idle, busy])
    picker = picker_of(PrefillPolicy.POWER_OF_TWO, agenda, poll_seconds=5.0)
    agenda.now = 1.0
    assert picker.pick(pool, job()) is pool[0]
    idle.pending_tokens = 90_000
    agenda.now = 4.9
    assert picker.pick(pool, job()) is pool[0]
    agenda.now = 5.0
    assert picker.pick(pool, job()) is pool[1]


def test_least_load_credits_what_it_sent_since_the_poll() -> None:
    agenda, pool = Agenda(), workers(0, 1500, 3000)
    picker = picker_of(PrefillPolicy.LEAST_LOAD, agenda, poll_seconds=10.0)
    sent = [pool.index(picker.pick(pool, job())) for _ in range(6)]
    assert sent == [0, 0, 1, 0, 1, 2]


def test_a_worker_that_came_after_the_poll_seems_idle() -> None:
    agenda, pool = Agenda(), workers(100, 200, 0)
    picker = picker_of(PrefillPolicy.LEAST_LOAD, agenda, poll_seconds=10.0)
    picker.pick(pool[:2], job())
    assert picker.pick(pool, job()) is pool[2]
