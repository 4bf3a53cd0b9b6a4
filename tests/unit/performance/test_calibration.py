import math

import pytest

from pd_operator.api.calibration import MINIMUM_SAMPLES
from pd_operator.api.roles import Role
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.calibration import (
    OLDEST_SAMPLE_SECONDS,
    PRIOR_BOUNDS,
    PROFILE_BOUNDS,
    SAMPLES_KEPT,
    Calibration,
    RoleCalibration,
    Sample,
    corrected,
)
from pd_operator.performance.calibration_status import from_plain, to_plain


def learned(
    role: Role, ratios: dict[int, float], samples: int = MINIMUM_SAMPLES
) -> RoleCalibration:
    known = RoleCalibration(role, "v1")
    for region, ratio in ratios.items():
        for second in range(samples):
            known = known.learning(region, Sample(float(second), ratio))
    return known


def test_fewer_samples_than_a_median_needs_correct_nothing(surfaces: EngineSurfaces) -> None:
    few = learned(Role.DECODE, {2: 1.6}, MINIMUM_SAMPLES - 1)
    assert not few.trusted
    assert corrected(surfaces, few) is surfaces


def test_a_slow_region_is_corrected_and_its_neighbors_follow_the_nearest(
    surfaces: EngineSurfaces,
) -> None:
    known = learned(Role.DECODE, {0: 1.5, 3: 1.1})
    assert known.factors(PROFILE_BOUNDS) == (1.5, 1.5, 1.1, 1.1, 1.1)
    really = corrected(surfaces, known)
    for batch, ratio in ((1, 1.5), (16, 1.5), (128, 1.1), (1024, 1.1)):
        expected = ratio * surfaces.decode_step_seconds(batch, 1024)
        assert really.decode_step_seconds(batch, 1024) == pytest.approx(expected)
    assert really.prefill_seconds(1024) == surfaces.prefill_seconds(1024)


def test_between_two_regions_as_near_the_slower_one_counts() -> None:
    known = learned(Role.DECODE, {0: 1.1, 2: 1.5})
    assert known.factors(PROFILE_BOUNDS)[1] == 1.5


def test_prefill_is_corrected_by_the_length_of_the_prompts(surfaces: EngineSurfaces) -> None:
    really = corrected(surfaces, learned(Role.PREFILL, {0: 2.0, 2: 1.2}))
    assert really.prefill_seconds(256) == pytest.approx(2 * surfaces.prefill_seconds(256))
    assert really.prefill_seconds(4096) == pytest.approx(1.2 * surfaces.prefill_seconds(4096))
    cached = surfaces.prefill_chunk_seconds(4096, 8192)
    assert really.prefill_chunk_seconds(4096, 8192) == pytest.approx(1.2 * cached)


def test_an_engine_that_keeps_its_profile_is_left_alone(surfaces: EngineSurfaces) -> None:
    assert corrected(surfaces, learned(Role.DECODE, {0: 0.98, 2: 1.02})) is surfaces


def test_a_correction_stays_within_its_bounds() -> None:
    wild = learned(Role.DECODE, {1: 40.0})
    assert wild.factors(PROFILE_BOUNDS)[1] == 2.0
    assert wild.factors(PRIOR_BOUNDS)[1] == 40.0
    assert learned(Role.DECODE, {1: 0.01}).factors(PROFILE_BOUNDS)[1] == 0.5


def test_the_kv_capacity_that_engines_report_replaces_the_profiles(
    surfaces: EngineSurfaces,
) -> None:
    assert corrected(surfaces, RoleCalibration(Role.DECODE, kv_tokens=7)).kv_capacity_tokens == 7


def test_outliers_do_not_move_the_median() -> None:
    known = learned(Role.DECODE, {1: 1.3}, 11)
    for ratio in (9.0, 8.0, 0.1, 7.0):
        known = known.learning(1, Sample(20.0, ratio))
    assert known.regions[0].ratio == 1.3


@pytest.mark.parametrize("ratio", [math.nan, math.inf, -1.0, 0.0])
def test_a_ratio_that_is_none_is_passed_over(ratio: float) -> None:
    assert RoleCalibration(Role.DECODE).learning(1, Sample(0.0, ratio)).regions == ()


def test_an_engine_that_changes_is_followed_by_the_newest_samples() -> None:
    known = learned(Role.DECODE, {1: 1.0}, SAMPLES_KEPT)
    for second in range(SAMPLES_KEPT):
        known = known.learning(1, Sample(100.0 + second, 1.4))
    assert known.regions[0].samples == SAMPLES_KEPT
    assert known.regions[0].ratio == 1.4


def test_old_samples_are_forgotten_but_for_the_few_that_a_median_needs() -> None:
    known = learned(Role.DECODE, {1: 1.3, 2: 1.2}, SAMPLES_KEPT)
    for second in range(MINIMUM_SAMPLES):
        known = known.learning(2, Sample(1000.0 + second, 1.5))
    later = known.forgetting(OLDEST_SAMPLE_SECONDS + 500.0)
    assert [region.samples for region in later.regions] == [MINIMUM_SAMPLES, MINIMUM_SAMPLES]
    assert [region.ratio for region in later.regions] == [1.3, 1.5]


def test_a_restarted_operator_goes_on_with_what_it_had_learned() -> None:
    known = Calibration().replacing(learned(Role.DECODE, {1: 1.3, 2: 1.1}, 40))
    known = known.replacing(learned(Role.PREFILL, {1: 0.8}).knowing_room(5000))
    again = from_plain(to_plain(known))
    for role in Role:
        assert again.of(role).version == "v1"
        assert again.of(role).factors(PROFILE_BOUNDS) == known.of(role).factors(PROFILE_BOUNDS)
    assert again.prefill.kv_tokens == 5000


def test_after_a_restart_new_samples_soon_outvote_the_stored_median() -> None:
    stored = to_plain(Calibration().replacing(learned(Role.DECODE, {1: 1.0}, SAMPLES_KEPT)))
    decode = from_plain(stored).decode
    for second in range(10):
        decode = decode.learning(1, Sample(float(second), 1.5))
    assert decode.regions[0].ratio == 1.5


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"decode": None},
        {"decode": {"version": 3, "regions": []}},
        {"decode": {"version": "v", "regions": "none"}},
        {"decode": {"version": "v", "regions": [{"name": "upto-16"}]}},
        {
            "decode": {
                "version": "v",
                "regions": [
                    {"name": "elsewhere", "ratioPerMille": 1, "samples": 9, "newestSeconds": 1},
                    {"name": "upto-16", "ratioPerMille": -5, "samples": 9, "newestSeconds": 1},
                ],
            }
        },
    ],
)
def test_a_status_edited_by_hand_is_forgotten_where_it_means_nothing(
    stored: dict[str, object],
) -> None:
    assert from_plain(stored).decode.regions == ()
