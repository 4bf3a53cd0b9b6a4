from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from pd_operator.api.calibration import MINIMUM_SAMPLES
from pd_operator.api.roles import Role
from pd_operator.performance.calibration import PROFILE_BOUNDS, RoleCalibration
from pd_operator.performance.counters import Counters
from pd_operator.performance.learning import Learner, Reference, WorkerReading
from pd_operator.performance.prefill_batching import Prompts

MakeReading = Callable[..., WorkerReading]
References = Mapping[Role, Reference]
TICK = 15.0


@pytest.fixture
def watch(references: References, prompts: Prompts) -> Callable[..., Learner]:
    """A learner that saw these readings, one a tick."""

    def watch(*readings: WorkerReading, learner: Learner | None = None) -> Learner:
        learner = learner or Learner()
        for reading in readings:
            now = reading.counters.time_seconds
            learner = learner.updated(now, [reading], references, prompts)
        return learner

    return watch


def ratios(learned: RoleCalibration) -> dict[str, float]:
    return {region.name: region.ratio for region in learned.regions}


def test_an_engine_30_percent_slower_than_its_profile_is_found_out_within_ticks(
    watch: Callable[..., Learner], decoding: MakeReading, prefilling: MakeReading
) -> None:
    ticks = range(MINIMUM_SAMPLES + 1)
    decode = watch(*(decoding(n * TICK, 500.0 * n, pace=1.3) for n in ticks)).calibration.decode
    prefill = watch(*(prefilling(n * 250, 20.0 * n, pace=1.3) for n in ticks)).calibration.prefill
    assert ratios(decode) == {"upto-64": pytest.approx(1.3, abs=0.01)}
    assert ratios(prefill) == {"upto-1024": pytest.approx(1.3, abs=0.01)}
    assert decode.factors(PROFILE_BOUNDS) == pytest.approx((1.3,) * 5, abs=0.01)
    assert prefill.factors(PROFILE_BOUNDS) == pytest.approx((1.3,) * 5, abs=0.01)


def test_a_single_reading_says_nothing(
    watch: Callable[..., Learner], decoding: MakeReading
) -> None:
    assert not watch(decoding(0.0, 1e6, pace=1.3)).calibration.decode.regions


def test_an_idle_window_gives_no_sample_and_spoils_none(
    watch: Callable[..., Learner], decoding: MakeReading
) -> None:
    idle = watch(decoding(0, 100), decoding(15, 100), decoding(30, 100))
    assert not idle.calibration.decode.regions
    later = watch(decoding(45, 600, pace=1.0), learner=idle)
    assert ratios(later.calibration.decode) == {"upto-64": pytest.approx(1.0)}


def test_too_little_work_is_gathered_until_it_suffices(
    watch: Callable[..., Learner], prefilling: MakeReading
) -> None:
    few = watch(*(prefilling(n * TICK, 4.0 * n, pace=1.5) for n in range(4)))
    assert not few.calibration.prefill.regions
    enough = watch(prefilling(4 * TICK, 16.0, pace=1.5), learner=few)
    assert enough.calibration.prefill.regions[0].samples == 1


def test_a_stretch_that_lasts_too_long_is_given_up(
    watch: Callable[..., Learner], prefilling: MakeReading
) -> None:
    learner = watch(prefilling(0, 0.0), prefilling(950, 15.0), prefilling(960, 16.0))
    assert not learner.calibration.prefill.regions


def test_a_restarted_engine_is_met_anew(
    watch: Callable[..., Learner], decoding: MakeReading
) -> None:
    before = watch(decoding(0, 10_000), decoding(15, 10_500))
    restarted = watch(decoding(30, 20), decoding(45, 520), learner=before)
    assert restarted.calibration.decode.regions[0].samples == 2
    assert ratios(restarted.calibration.decode) == {"upto-64": pytest.approx(1.0)}


@pytest.mark.parametrize(
    "moments",
    [
        (),
        (600.0,),
        (float("nan"),) * 6,
        (600.0, 600.0 * 32, float("inf"), 600.0 * 32**2, 0.0, 0.0),
        (600.0, 600.0 * 32, 0.0, 600.0 * 32**2, 0.0, 0.0),
        (600.0, 300.0, 1e7, 300.0, 1e7, 300.0),
        (600.0, 600.0 * 32, 1e7, 600.0 * 31**2, 1e7, 1e3),
        (-600.0, 600.0, 1e7, 600.0, 1e7, 600.0),
    ],
)
def test_moments_that_no_engine_can_mean_give_no_sample(
    watch: Callable[..., Learner], decoding: MakeReading, moments: tuple[float, ...]
) -> None:
    nonsense = replace(decoding(15, 0), counters=Counters(15.0, 0.0, 0.0, moments))
    assert not watch(decoding(0, 0), nonsense).calibration.decode.regions


@pytest.mark.parametrize(
    ("tokens", "busy"),
    [(float("nan"), 1.0), (1e5, float("nan")), (-1e5, 1.0), (1e5, -1.0), (1e5, 0.0), (0.0, 5.0)],
)
def test_prefill_counters_that_no_engine_can_mean_give_no_sample(
    watch: Callable[..., Learner], prefilling: MakeReading, tokens: float, busy: float
) -> None:
    nonsense = replace(prefilling(15, 0), counters=Counters(15.0, tokens, busy, ()))
    assert not watch(prefilling(0, 0), nonsense).calibration.prefill.regions


def test_a_new_version_of_the_engine_starts_anew(
    watch: Callable[..., Learner],
    decoding: MakeReading,
    references: References,
    prompts: Prompts,
) -> None:
    learner = watch(*(decoding(n * TICK, 500.0 * n, pace=1.3) for n in range(8)))
    updated = {role: replace(references[role], software="v2") for role in Role}
    of_the_old = decoding(120, 5000, pace=1.3)
    learner = learner.updated(120, [of_the_old], updated, prompts)
    assert not learner.calibration.decode.regions
    of_the_new = [decoding(n * TICK, 500.0 * n, software="v2", name="d2") for n in (9, 10)]
    for reading in of_the_new:
        learner = learner.updated(reading.counters.time_seconds, [reading], updated, prompts)
    assert ratios(learner.calibration.decode) == {"upto-64": pytest.approx(1.0)}


def test_another_profile_starts_anew(
    watch: Callable[..., Learner],
    decoding: MakeReading,
    references: References,
    prompts: Prompts,
) -> None:
    learner = watch(*(decoding(n * TICK, 500.0 * n, pace=1.3) for n in range(8)))
    described = {role: replace(references[role], profile="other") for role in Role}
    assert not learner.updated(130, [], described, prompts).calibration.decode.regions


def test_a_role_without_a_ready_worker_keeps_what_is_known(
    watch: Callable[..., Learner], decoding: MakeReading, prompts: Prompts
) -> None:
    learner = watch(*(decoding(n * TICK, 500.0 * n, pace=1.3) for n in range(8)))
    assert learner.updated(130, [], {}, prompts).calibration.decode.regions


def test_without_known_lengths_prefill_waits_and_loses_nothing(
    references: References, prefilling: MakeReading, prompts: Prompts
) -> None:
    learner = Learner().updated(0, [prefilling(0, 0)], references, None)
    learner = learner.updated(15, [prefilling(15, 40, pace=1.5)], references, None)
    assert not learner.calibration.prefill.regions
    learner = learner.updated(200, [prefilling(200, 60, pace=1.5)], references, prompts)
    assert learner.calibration.prefill.regions[0].samples == 1


def test_the_smallest_kv_capacity_that_engines_report_is_planned_with(
    references: References, decoding: MakeReading, prompts: Prompts
) -> None:
    readings = [
        decoding(0, 0, name=f"d{n}", kv_tokens=tokens) for n, tokens in enumerate((9000, 8000))
    ]
    learner = Learner().updated(0, readings, references, prompts)
    assert learner.calibration.decode.kv_tokens == 8000
    assert learner.calibration.prefill.kv_tokens is None
