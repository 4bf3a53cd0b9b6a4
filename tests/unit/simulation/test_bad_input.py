import math
from typing import Any

import pytest

from pd_operator.api.router import DecodePolicy, PrefillPolicy
from pd_operator.performance import EngineSurfaces
from pd_operator.simulation import (
    EngineLimits,
    Lifecycle,
    Pools,
    Prefixes,
    Requests,
    ServiceModel,
    Snapshot,
    simulate,
)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (([0.0, math.nan], 1, 1), "finite"),
        (([-1.0], 1, 1), "not negative"),
        (([2.0, 1.0], 1, 1), "ascending"),
        (([[1.0]], 1, 1), "one dimension"),
        (([1.0], [1, 2], 1), r"prompt tokens: \(2,\) entries"),
        (([1.0], 0, 1), "prompt tokens: expected at least 1"),
        (([1.0], 1, 0), "output tokens: expected at least 1"),
        (([1.0], 1, math.inf), "output tokens: expected finite"),
        (([1.0], "many", 1), "prompt tokens: expected finite"),
        (([1.0], 1e12, 1), "prompt tokens: expected at least 1, found 1"),
        (([1.0], 5, 1, 5), "fewer tokens are cached"),
        (([1.0], 5, 1, -1), "cached tokens: expected at least 0"),
    ],
)
def test_requests_that_make_no_sense_are_refused(columns: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Requests.of(*columns)


@pytest.mark.parametrize(
    ("blocks", "cached", "complaint"),
    [
        ([()], 0, "prefixes: 1 entries for 2 requests"),
        ([(), (1,)], 5, "found by the workers, not given"),
        ([(), (1, 2, 3)], 0, "more blocks than the prompt has tokens for"),
    ],
)
def test_prefixes_that_do_not_fit_the_prompts_are_refused(
    blocks: list[tuple[int, ...]], cached: int, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Requests.of([0.0, 1.0], 20, 1, cached, Prefixes(10, blocks))


def test_a_block_of_no_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 token"):
        Prefixes(0, [])


def test_a_policy_cannot_know_what_workers_will_find_cached(surfaces: EngineSurfaces) -> None:
    class Still:
        period_seconds = 1.0

        def decide(self, snapshot: Snapshot) -> Pools:
            raise AssertionError(snapshot)

    requests = Requests.of([0.0], 20, 1, 0, Prefixes(10, [(1, 2)]))
    with pytest.raises(ValueError, match="whose workers have prefix caches"):
        simulate(requests, ServiceModel(surfaces, surfaces), Pools(1, 1), policy=Still())


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"transfer_bytes_per_second": 0.0}, "more than 0 bytes/s"),
        ({"transfer_bytes_per_second": math.nan}, "more than 0 bytes/s"),
        ({"transfer_base_seconds": -1.0}, "at least 0 s"),
        ({"load_poll_seconds": -1.0}, "polled each 0 s or more"),
    ],
)
def test_a_service_that_makes_no_sense_is_refused(
    surfaces: EngineSurfaces, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        ServiceModel(surfaces, surfaces, **settings)


def test_limits_and_times_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="pass_tokens is at least 1"):
        EngineLimits(pass_tokens=0)
    with pytest.raises(ValueError, match="drain_deadline_seconds is at least 0"):
        Lifecycle(drain_deadline_seconds=-1)
    with pytest.raises(ValueError, match="drain_poll_seconds is above 0"):
        Lifecycle(drain_poll_seconds=0)
    with pytest.raises(ValueError, match="share up to 1"):
        Lifecycle(startup_spread=1.5)
    with pytest.raises(ValueError, match="a worker at least"):
        Pools(0, 1)


def test_a_router_policy_that_is_not_simulated_is_named(surfaces: EngineSurfaces) -> None:
    requests = Requests.of([0.0], 1, 1)
    with pytest.raises(ValueError, match="PrefixHash is not simulated"):
        simulate(
            requests,
            ServiceModel(surfaces, surfaces, prefill_policy=PrefillPolicy.PREFIX_HASH),
            Pools(1, 1),
        )
    with pytest.raises(ValueError, match="CacheAware is not simulated"):
        simulate(
            requests,
            ServiceModel(surfaces, surfaces, decode_policy=DecodePolicy.CACHE_AWARE),
            Pools(1, 1),
        )
