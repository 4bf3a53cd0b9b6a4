"""Which worker the router's policies by content pick."""

from collections import Counter
from dataclasses import dataclass
from typing import cast

from pd_operator.simulation.content_routers import CacheAware, PrefixHash
from pd_operator.simulation.job import Job
from pd_operator.simulation.prefill_worker import PrefillWorker

BLOCK = 100


@dataclass(eq=False)
class Loaded:
    """A worker as far as these policies look at it."""

    number: int
    requests: int


def pool(*requests: int) -> list[Loaded]:
    return [Loaded(number, count) for number, count in enumerate(requests)]


def job(*blocks: int, prompt: int | None = None) -> Job:
    return Job(0, 0.0, prompt or BLOCK * len(blocks) + 1, 1, 0, blocks)


def picked(policy: CacheAware | PrefixHash, workers: list[Loaded], asked: Job) -> int:
    return policy.pick(cast("list[PrefillWorker]", workers), asked).number


def test_a_known_beginning_goes_where_it_was_sent_although_others_are_idler() -> None:
    workers, policy = pool(3, 0, 5), CacheAware(BLOCK)
    assert picked(policy, workers, job(1, 2, 3)) == 1
    workers[1].requests = 40
    assert picked(policy, workers, job(1, 2, 4)) == 1
    assert picked(policy, workers, job(7, 8)) == 0


def test_the_longest_known_beginning_counts() -> None:
    workers, policy = pool(1, 0), CacheAware(BLOCK)
    assert picked(policy, workers, job(1)) == 1
    workers[1].requests = 9
    assert picked(policy, workers, job(1, 2, 3, 4, 5)) == 0, "a fifth is not worth it"
    workers[0].requests = 20
    assert picked(policy, workers, job(1, 2, 3, 4, 6)) == 0


def test_where_loads_are_too_uneven_the_idlest_is_taken() -> None:
    workers, policy = pool(0, 1), CacheAware(BLOCK)
    picked(policy, workers, job(1, 2, 3))
    workers[0].requests = 65
    assert picked(policy, workers, job(1, 2, 3)) == 0, "64 more is not yet too many"
    workers[0].requests = 66
    assert picked(policy, workers, job(1, 2, 3)) == 1
    assert picked(policy, workers, job(1, 2, 3)) == 1, "it knows them now"


def test_a_worker_that_is_gone_is_not_asked_for() -> None:
    workers, policy = pool(0, 1, 2), CacheAware(BLOCK)
    picked(policy, workers, job(1, 2, 3))
    assert picked(policy, workers[1:], job(1, 2, 3)) == 1


def test_a_hash_sends_what_begins_alike_to_one_and_all_to_everyone() -> None:
    workers, policy = pool(0, 0, 0, 0), PrefixHash()
    homes = {block: picked(policy, workers, job(block, 9)) for block in range(400)}
    assert all(picked(policy, workers, job(block, 7, 5)) == home for block, home in homes.items())
    assert min(Counter(homes.values()).values()) > 60


def test_a_worker_that_comes_takes_prompts_from_others_and_moves_none_between_them() -> None:
    workers, policy = pool(0, 0, 0, 0), PrefixHash()
    before = {block: picked(policy, workers[:3], job(block)) for block in range(200)}
    after = {block: picked(policy, workers, job(block)) for block in range(200)}
    moved = {block for block in before if before[block] != after[block]}
    assert 20 < len(moved) < 90
    assert {after[block] for block in moved} == {3}


def test_a_full_worker_is_passed_over_and_prompts_without_blocks_are_spread() -> None:
    workers, policy = pool(0, 0, 0, 0), PrefixHash()
    home = picked(policy, workers, job(1))
    workers[home].requests = 40
    assert picked(policy, workers, job(1)) != home
    workers[home].requests = 0
    strangers = (Job(index, 0.0, 50, 1, 0) for index in range(100))
    assert len({picked(policy, workers, stranger) for stranger in strangers}) == 4
