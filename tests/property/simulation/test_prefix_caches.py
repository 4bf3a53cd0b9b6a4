"""Whatever prompts begin with: nothing is computed too often, or too seldom, or lost."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_operator.api.roles import Role
from pd_operator.api.router import PrefillPolicy
from pd_operator.performance import load_bundled
from pd_operator.simulation import (
    EngineLimits,
    Failure,
    Pools,
    Prefixes,
    Requests,
    ServiceModel,
    simulate,
)
from pd_operator.simulation.prefixes import PrefixCache
from pd_operator.simulation.simulator import Simulation

SURFACES = load_bundled("llama-3.1-8b-h100").surfaces(1)
BLOCK = 16
LONGEST_BLOCKS = 12
POLICIES = (
    PrefillPolicy.RANDOM,
    PrefillPolicy.ROUND_ROBIN,
    PrefillPolicy.POWER_OF_TWO,
    PrefillPolicy.LEAST_LOAD,
    PrefillPolicy.BUCKET,
    PrefillPolicy.CACHE_AWARE,
    PrefillPolicy.PREFIX_HASH,
)
quick = settings(max_examples=60, deadline=None)

Path = tuple[int, ...]


def numbered(path: Sequence[int]) -> Path:
    """A block's number stands for all that comes before it, too."""
    return tuple(hash(tuple(path[: end + 1])) & 0x7FFFFFFF for end in range(len(path)))


paths = st.lists(st.integers(0, 2), max_size=LONGEST_BLOCKS).map(numbered)


@st.composite
def loads(draw: st.DrawFn) -> Requests:
    blocks = draw(st.lists(paths, max_size=40))
    gaps = draw(st.lists(st.floats(0, 0.1), min_size=len(blocks), max_size=len(blocks)))
    tails = draw(st.lists(st.integers(1, 40), min_size=len(blocks), max_size=len(blocks)))
    prompts = [BLOCK * len(path) + tail for path, tail in zip(blocks, tails, strict=True)]
    outputs = draw(st.lists(st.integers(1, 50), min_size=len(blocks), max_size=len(blocks)))
    return Requests.of(
        np.cumsum(gaps), np.array(prompts, int), np.array(outputs, int), 0, Prefixes(BLOCK, blocks)
    )


@st.composite
def services(draw: st.DrawFn) -> ServiceModel:
    room = draw(st.integers(300, 1500))
    return ServiceModel(
        replace(SURFACES, kv_capacity_tokens=room),
        replace(SURFACES, kv_capacity_tokens=2000),
        prefill_policy=draw(st.sampled_from(POLICIES)),
        limits=EngineLimits(
            chunk_tokens=draw(st.none() | st.integers(1, 300)),
            pass_tokens=draw(st.integers(50, 600)),
            reserved_tokens=draw(st.integers(1, 50)),
        ),
    )


def distinct_tokens(requests: Requests) -> int:
    """Blocks once, tails always; of a prompt all in blocks nothing but its blocks."""
    prefixes = requests.prefixes
    assert prefixes is not None
    blocks = {block for path in prefixes.blocks for block in path}
    tails = requests.prompt_tokens - [BLOCK * len(path) for path in prefixes.blocks]
    return BLOCK * len(blocks) + int(tails.sum())


@given(loads(), services(), st.builds(Pools, st.integers(1, 4), st.integers(1, 3)))
@quick
def test_each_beginning_is_computed_once_at_least_and_by_each_prompt_at_most(
    requests: Requests, service: ServiceModel, size: Pools
) -> None:
    result = simulate(requests, service, size)
    assert distinct_tokens(requests) <= result.prefill.tokens <= requests.prompt_tokens.sum()
    assert not np.isnan(result.ttft_seconds).any()
    again = simulate(requests, service, size)
    assert np.array_equal(result.ttft_seconds, again.ttft_seconds)


@given(
    loads(),
    services(),
    st.builds(Pools, st.integers(1, 3), st.integers(1, 3)),
    st.lists(st.builds(Failure, st.floats(0, 3), st.sampled_from(Role)), max_size=4),
)
@quick
def test_workers_hold_what_they_can_and_are_empty_in_the_end(
    requests: Requests, service: ServiceModel, size: Pools, deaths: list[Failure]
) -> None:
    simulation = Simulation(requests, service, size, Random(1))
    for death in deaths:
        simulation.schedule(death)

    def look(_: object) -> None:
        for prefill in simulation.fleet.prefill.serving:
            assert 0 <= prefill.kv_tokens <= service.prefill.kv_capacity_tokens
            assert prefill.pending_tokens >= 0

    for moment in np.arange(0.0, 5.0, 0.02):
        simulation.agenda.at(float(moment), look, None)
    simulation.run()
    simulation.agenda.run_until(simulation.agenda.now + 100.0)
    for prefill in simulation.fleet.prefill.serving:
        assert (prefill.requests, prefill.kv_tokens, prefill.pending_tokens) == (0, 0, 0)


@given(st.lists(st.tuples(paths, st.integers(0, 20)), max_size=30))
@quick
def test_a_cache_finds_a_beginning_of_what_it_holds_and_keeps_to_its_room(
    steps: list[tuple[Path, int]],
) -> None:
    cache = PrefixCache(BLOCK)
    ever: set[int] = set()
    for path, room in steps:
        cache.hold(path)
        ever.update(path)
        assert cache.use(path) == BLOCK * len(path)
        cache.shrink_to(BLOCK * room)
        assert cache.tokens <= BLOCK * min(room, len(ever))
        # The newest stays longest, its beginning longer than its end.
        assert cache.use(path) == BLOCK * min(room, len(path))
