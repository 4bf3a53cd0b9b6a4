from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pd_operator.api.roles import Role
from pd_operator.api.status import MemoryStatus
from pd_operator.scaling.memory import Change, Recommendation, ScalingMemory

times = st.integers(0, 2_000_000_000).map(float)
workers = st.integers(0, 1000)
memories = st.builds(
    ScalingMemory,
    st.lists(st.builds(Recommendation, times, workers, workers)).map(tuple),
    st.lists(st.builds(Change, times, st.sampled_from(Role), st.integers(-50, 50))).map(tuple),
)
scraps = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "decode", "12"])
entries = st.dictionaries(
    st.sampled_from(["timeSeconds", "prefill", "decode", "role", "delta"]), scraps
)
parts = scraps | st.lists(scraps | entries, max_size=5) | entries


@given(memories)
def test_plain_data_gives_the_memory_back(memory: ScalingMemory) -> None:
    assert ScalingMemory.from_plain(memory.to_plain()) == memory


@given(memories)
def test_the_resources_status_holds_the_memory(memory: ScalingMemory) -> None:
    status = MemoryStatus.model_validate(memory.to_plain())
    assert ScalingMemory.from_plain(status.model_dump(mode="json", by_alias=True)) == memory


@given(st.fixed_dictionaries({}, optional={"recommendations": parts, "changes": parts}))
def test_a_status_edited_by_hand_is_forgotten_where_it_makes_no_sense(plain: Any) -> None:
    memory = ScalingMemory.from_plain(plain)
    assert ScalingMemory.from_plain(memory.to_plain()) == memory


@given(memories, st.builds(Recommendation, times, workers, workers), st.integers(0, 3600))
def test_no_window_can_tell_that_equal_recommendations_were_merged(
    memory: ScalingMemory, newest: Recommendation, window: int
) -> None:
    def highest(recommendations: tuple[Recommendation, ...]) -> int:
        oldest = newest.time_seconds - window
        return max(item.decode for item in recommendations if item.time_seconds >= oldest)

    merged = memory.recommending(newest, keep_seconds=3600).recommendations
    earlier = tuple(
        item for item in memory.recommendations if item.time_seconds <= newest.time_seconds
    )
    kept = tuple(item for item in merged if item.time_seconds <= newest.time_seconds)
    assert highest(kept) == highest((*earlier, newest))


@given(memories, times, st.integers(0, 1800))
def test_only_recent_changes_are_kept(memory: ScalingMemory, now: float, keep: int) -> None:
    new = Change(now, Role.DECODE, 1)
    changed = memory.changing((new,), now, keep).changes
    assert changed[-1] == new
    assert all(change.time_seconds >= now - keep for change in changed)


def test_what_a_status_says_lasted_until_the_restart() -> None:
    """A status of hours ago keeps workers for as long as a load that fell just now."""
    stood_still = ScalingMemory((Recommendation(100.0, 9, 9), Recommendation(200.0, 4, 3)))
    again = ScalingMemory.from_plain(stood_still.to_plain()).lasting_until(9000.0)
    assert again.recommendations == (Recommendation(100.0, 9, 9), Recommendation(9000.0, 4, 3))
    assert ScalingMemory().lasting_until(9000.0) == ScalingMemory()
