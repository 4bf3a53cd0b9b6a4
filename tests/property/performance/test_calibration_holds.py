"""Whatever engines tell, what is learned stays within its bounds, and saved is restored."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd_operator.api.roles import Role
from pd_operator.performance import EngineSurfaces, bundled_profile_names, load_bundled
from pd_operator.performance.calibration import (
    PROFILE_BOUNDS,
    Calibration,
    RoleCalibration,
    Sample,
    corrected,
)
from pd_operator.performance.calibration_status import from_plain, to_plain
from pd_operator.performance.counters import MOMENTS, Counters
from pd_operator.performance.learning import Learner, Reference, WorkerReading
from pd_operator.performance.regions import REGIONS

WORKERS = [
    load_bundled(name).surfaces(size)
    for name in bundled_profile_names()
    for size in load_bundled(name).tensor_parallel_sizes
]
anything = st.floats(allow_nan=True, allow_infinity=True)
ratios = st.lists(st.tuples(st.integers(0, 4), st.floats(0.001, 1000)), min_size=0, max_size=80)


def learned(role: Role, samples: list[tuple[int, float]]) -> RoleCalibration:
    known = RoleCalibration(role, "v")
    for second, (region, ratio) in enumerate(samples):
        known = known.learning(region, Sample(float(second), ratio))
    return known


@given(st.sampled_from(list(Role)), ratios)
def test_factors_stay_within_the_bounds(role: Role, samples: list[tuple[int, float]]) -> None:
    factors = learned(role, samples).factors(PROFILE_BOUNDS)
    assert len(factors) == len(REGIONS[role].names)
    assert all(PROFILE_BOUNDS.low <= factor <= PROFILE_BOUNDS.high for factor in factors)


@given(
    st.sampled_from(WORKERS),
    st.sampled_from(list(Role)),
    ratios,
    st.floats(1, 2000),
    st.floats(1, 2),
)
def test_corrected_surfaces_are_off_by_no_more_than_the_bounds_and_never_fall(
    worker: EngineSurfaces,
    role: Role,
    samples: list[tuple[int, float]],
    batch: float,
    more: float,
) -> None:
    really = corrected(worker, learned(role, samples))
    step, grown = (really.decode_step_seconds(size, 1000.0) for size in (batch, batch * more))
    assert grown >= step * (1 - 1e-9)
    assert step >= PROFILE_BOUNDS.low * worker.decode_step_seconds(batch, 1000.0) * (1 - 1e-9)
    # Lifting a dip may raise a region to its left neighbor's level, which is within the bound.
    ceiling = PROFILE_BOUNDS.high * worker.decode_step_seconds(batch, 1000.0)
    assert step <= ceiling * (1 + 1e-9) or batch > worker.decode_step.xs[-1]


@given(ratios, ratios)
def test_what_is_saved_is_restored_to_the_thousandth(
    prefill: list[tuple[int, float]], decode: list[tuple[int, float]]
) -> None:
    known = Calibration(learned(Role.PREFILL, prefill), learned(Role.DECODE, decode))
    again = from_plain(to_plain(known))
    for role in Role:
        before, after = known.of(role).regions, again.of(role).regions
        assert [region.name for region in after] == [region.name for region in before]
        for was, now in zip(before, after, strict=True):
            assert now.ratio == pytest.approx(was.ratio, abs=0.001)
            assert now.trusted is was.trusted


@given(
    st.lists(
        st.tuples(anything, anything, anything, st.lists(anything, min_size=0, max_size=MOMENTS)),
        max_size=6,
    )
)
def test_no_counters_make_learning_fail(
    told: list[tuple[float, float, float, list[float]]],
) -> None:
    worker = WORKERS[0]
    references = {role: Reference(worker, "p", "s") for role in Role}
    learner = Learner()
    for time, tokens, busy, moments in told:
        counters = Counters(time, tokens, busy, tuple(moments))
        readings = [
            WorkerReading(role.value, role, "s", counters, context_tokens=1000.0) for role in Role
        ]
        learner = learner.updated(0.0, readings, references, None)
    for role in Role:
        found = learner.calibration.of(role).regions
        assert all(math.isfinite(region.ratio) and region.ratio > 0 for region in found)
