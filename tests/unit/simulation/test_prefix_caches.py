"""Prompts that begin alike, where each prefill worker remembers only what it has computed."""

from dataclasses import replace
from itertools import chain, repeat

import numpy as np
import pytest

from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import EngineSurfaces
from pd_operator.simulation import Pools, Prefixes, Requests, ServiceModel, simulate
from pd_operator.simulation.prefixes import PrefixCache

BLOCK = 100
CONVERSATIONS, TURNS = 5, 6


def test_only_a_beginning_that_is_whole_is_found() -> None:
    cache = PrefixCache(BLOCK)
    cache.hold((1, 2, 3))
    assert cache.use((1, 2, 3)) == 3 * BLOCK
    assert cache.use((1, 2, 9)) == 2 * BLOCK
    assert cache.use((9, 2, 3)) == 0


def test_what_was_used_longest_ago_goes_first_and_ends_before_beginnings() -> None:
    cache = PrefixCache(BLOCK)
    for prompt in ((1, 2, 3), (7, 8), (1, 4)):
        cache.hold(prompt)
    # From the newest: 1, 4, 7, 8, 2, 3.
    cache.shrink_to(5 * BLOCK + 99)
    assert cache.tokens == 5 * BLOCK
    assert cache.use((1, 2, 3)) == 2 * BLOCK
    # 1, 2, 4, 7, 8: to be looked for is to be used.
    cache.shrink_to(3 * BLOCK)
    assert cache.use((7, 8)) == 0
    assert cache.use((1, 4)) == 2 * BLOCK
    cache.shrink_to(-5)
    assert cache.tokens == 0


def requests(*prompts: tuple[int, ...], apart: float = 10.0) -> Requests:
    """One after the other, each a whole number of blocks."""
    lengths = [BLOCK * len(prompt) for prompt in prompts]
    return Requests.of(np.arange(len(prompts)) * apart, lengths, 1, 0, Prefixes(BLOCK, prompts))


def computed(asked: Requests, service: ServiceModel, workers: int = 1) -> int:
    return simulate(asked, service, Pools(workers, 1)).prefill.tokens


def test_a_worker_computes_only_what_it_has_not_seen(service: ServiceModel) -> None:
    assert computed(requests((1, 2, 3), (1, 2, 4, 5)), service) == 3 * BLOCK + 2 * BLOCK
    # One token of a prompt is always computed: it gives the first of the answer.
    assert computed(requests((1, 2, 3), (1, 2, 3)), service) == 3 * BLOCK + 1


def test_what_is_found_is_attended_to_and_not_computed(service: ServiceModel) -> None:
    twice = requests((1, 2, 3), (1, 2, 4))
    found = simulate(twice, service, Pools(1, 1)).ttft_seconds[1]
    given = Requests.of([0.0], 3 * BLOCK, 1, 2 * BLOCK)
    assert found == pytest.approx(simulate(given, service, Pools(1, 1)).ttft_seconds[0])


def test_another_worker_has_not_seen_what_one_has_computed(service: ServiceModel) -> None:
    asked = requests((1, 2, 3), (1, 2, 3))
    kraemer_langenbach_belz = replace(service, prefill_policy=PrefillPolicy.ROUND_ROBIN)
    assert computed(asked, kraemer_langenbach_belz, workers=2) == 6 * BLOCK


def test_prompts_of_one_pass_do_not_find_each_other(service: ServiceModel) -> None:
    first = tuple(range(50, 60))  # keeps the worker busy until both others are there
    asked = requests(first, (1, 2, 3), (1, 2, 3), apart=0.001)
    assert computed(asked, service) == 10 * BLOCK + 6 * BLOCK


def test_a_prompt_that_waits_finds_what_was_computed_meanwhile(service: ServiceModel) -> None:
    long = tuple(range(10))
    assert computed(requests(long, long, apart=0.001), service) == 10 * BLOCK + 1


def test_a_cache_has_the_room_that_the_worker_has(
    service: ServiceModel, surfaces: EngineSurfaces
) -> None:
    small = replace(service, prefill=replace(surfaces, kv_capacity_tokens=10 * BLOCK))
    first, second = tuple(range(6)), tuple(range(20, 26))
    # The second prompt leaves four blocks of the first, its beginning.
    assert computed(requests(first, second, first), small) == 6 * BLOCK + 6 * BLOCK + 2 * BLOCK
    assert computed(requests(first, second, first), service) == 6 * BLOCK + 6 * BLOCK + 1


def conversations(apart: float = 3.0) -> Requests:
    """Turn after turn, each with all that came before; a system prompt is common to all."""
    turns = [
        (0, *(10 * talk + turn for turn in range(1, turns + 1)))
        for turns in range(1, TURNS + 1)
        for talk in range(1, CONVERSATIONS + 1)
    ]
    return requests(*turns, apart=apart)


def by(policy: PrefillPolicy, service: ServiceModel, workers: int = 4) -> int:
    return computed(conversations(), replace(service, prefill_policy=policy), workers)


def test_policies_by_content_compute_less_than_those_by_load(service: ServiceModel) -> None:
    distinct = BLOCK * (1 + CONVERSATIONS * TURNS)
    alone = by(PrefillPolicy.RANDOM, service, workers=1)
    assert distinct <= alone <= distinct + CONVERSATIONS * TURNS
    aware = by(PrefillPolicy.CACHE_AWARE, service)
    assert aware <= 1.2 * distinct
    for blind in (PrefillPolicy.ROUND_ROBIN, PrefillPolicy.RANDOM):
        assert by(blind, service) > 1.5 * aware


def test_prompts_that_begin_alike_meet_by_their_hash(service: ServiceModel) -> None:
    pairs = [(talk, talk + 1) for talk in range(0, 40, 2)]
    asked = requests(*chain.from_iterable(repeat(pair, 2) for pair in pairs), apart=3.0)
    hashed = replace(service, prefill_policy=PrefillPolicy.PREFIX_HASH)
    assert computed(asked, hashed, workers=4) == len(pairs) * (2 * BLOCK + 1)


def test_a_popular_beginning_does_not_drown_its_worker(service: ServiceModel) -> None:
    # Each prompt has a tail of its own, so that there is work to share.
    prompts = [(1, *range(10 * n, 10 * n + 9)) for n in range(1, 301)]
    popular = requests(*prompts, apart=0.03)
    for policy in (PrefillPolicy.PREFIX_HASH, PrefillPolicy.CACHE_AWARE):
        spread = replace(service, prefill_policy=policy)
        waited = simulate(popular, spread, Pools(4, 1)).ttft_quantile(0.9)
        assert waited < simulate(popular, spread, Pools(1, 1)).ttft_quantile(0.9) / 4
