import math

import numpy as np
import pytest

from pd_operator.performance import EngineSurfaces, bundled_profile_names, load_bundled
from pd_operator.performance.accuracy import interpolation_accuracy
from pd_operator.performance.prior import prior_surfaces
from pd_operator.performance.table import MonotoneTable


@pytest.mark.parametrize(
    ("batch", "context", "extrapolated"),
    [
        (1, 64, False),
        (1024, 131_072, False),
        (33.3, 1000.5, False),
        (1025, 1024, True),
        (64, 200_000, True),
        (0.5, 1024, True),
    ],
)
def test_a_step_beyond_the_profiles_points_is_flagged(
    surfaces: EngineSurfaces, batch: float, context: float, extrapolated: bool
) -> None:
    estimate = surfaces.estimated_decode_step(batch, context)
    assert estimate.extrapolated is extrapolated
    assert estimate.seconds == surfaces.decode_step_seconds(batch, context)


def test_a_pass_beyond_the_profiles_points_is_flagged(surfaces: EngineSurfaces) -> None:
    assert not surfaces.estimated_prefill(131_072).extrapolated
    assert surfaces.estimated_prefill(131_073).extrapolated
    assert surfaces.estimated_prefill(1024, 17).extrapolated


def test_the_bundled_tables_state_errors_of_a_few_per_cent() -> None:
    for name in bundled_profile_names():
        profile = load_bundled(name)
        for size in profile.tensor_parallel_sizes:
            decode = interpolation_accuracy(profile.surfaces(size).decode_step)
            prefill = interpolation_accuracy(profile.surfaces(size).prefill)
            assert decode.median < 0.01
            assert decode.p95 < 0.065
            assert prefill.median < 0.035
            assert prefill.p95 < 0.11


def test_a_straight_table_has_no_error_and_one_without_inner_points_none_to_state() -> None:
    axis = (1.0, 2.0, 5.0)
    straight = MonotoneTable.lifted(axis, axis, np.add.outer(np.array(axis), np.array(axis)))
    assert interpolation_accuracy(straight).p95 == pytest.approx(0.0, abs=1e-12)
    corners = MonotoneTable.lifted((1.0, 2.0), (1.0, 2.0), np.array([[1.0, 2.0], [2.0, 3.0]]))
    assert math.isnan(interpolation_accuracy(corners).median)


def test_a_slowed_engine_takes_as_many_times_as_long_for_everything(
    surfaces: EngineSurfaces,
) -> None:
    slow = surfaces.slowed(1.3)
    assert slow.prefill_seconds(777) == pytest.approx(1.3 * surfaces.prefill_seconds(777))
    assert slow.decode_step_seconds(7, 777) == pytest.approx(
        1.3 * surfaces.decode_step_seconds(7, 777)
    )
    assert slow.prefill_chunk_seconds(777, 7000) == pytest.approx(
        1.3 * surfaces.prefill_chunk_seconds(777, 7000)
    )


def test_the_prior_is_slower_than_every_bundled_engine_of_its_size() -> None:
    for name in bundled_profile_names():
        profile = load_bundled(name)
        for size in profile.tensor_parallel_sizes:
            engine, prior = profile.surfaces(size), prior_surfaces(size)
            for batch, context in ((1, 500), (32, 2000), (300, 9000)):
                known = engine.decode_step_seconds(batch, context)
                assert prior.decode_step_seconds(batch, context) >= known * (1 - 1e-9)
            assert prior.prefill_seconds(3000) >= engine.prefill_seconds(3000) * (1 - 1e-9)
            assert prior.kv_capacity_tokens <= engine.kv_capacity_tokens


def test_there_is_a_prior_for_every_size() -> None:
    assert prior_surfaces(3).gpus == 3
    assert prior_surfaces(64).gpus == 64
