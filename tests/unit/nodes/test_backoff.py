"""The delays before restarts."""

from hypothesis import given
from hypothesis import strategies as st

from pd_e2e.nodes.backoff import Backoff, BackoffPolicy


def test_the_first_restart_is_immediate_and_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(BackoffPolicy(base_seconds=10, cap_seconds=300))
    delays = [backoff.delay_seconds(ran_seconds=1) for _ in range(8)]
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_long_life_clears_the_record() -> None:
    backoff = Backoff(BackoffPolicy(base_seconds=10, cap_seconds=300))
    for _ in range(5):
        backoff.delay_seconds(ran_seconds=1)
    assert backoff.delay_seconds(ran_seconds=600) == 0
    assert backoff.delay_seconds(ran_seconds=1) == 10


@given(st.integers(min_value=1, max_value=5000), st.floats(0.01, 100), st.floats(1, 100))
def test_no_delay_exceeds_the_cap(failures: int, base: float, factor: float) -> None:
    policy = BackoffPolicy(base_seconds=base, cap_seconds=base * factor)
    backoff = Backoff(policy)
    delays = [backoff.delay_seconds(ran_seconds=0) for _ in range(failures)]
    assert max(delays) <= policy.cap_seconds
    assert delays == sorted(delays)
