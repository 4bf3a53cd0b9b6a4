"""What a service's loop learns of its engines, and what becomes of that."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from pd_operator.api.conditions import ConditionType, find_condition
from pd_operator.api.roles import Role
from pd_operator.api.status import PDInferenceServiceStatus
from pd_operator.cli.explanation import explanation
from pd_operator.controller.status.builder import build_status
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.metrics_export import export
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.tick.calibrator import Calibrator
from pd_operator.controller.tick.engine_profile import EngineBasis
from pd_operator.performance import EngineSurfaces, load_bundled
from pd_operator.performance.calibration import PRIOR_BOUNDS
from pd_operator.performance.prior import prior_surfaces
from pd_operator.planning.engine import EngineModel
from pd_operator.scaling.observation import EngineLoad, Known, Observation

REAL = load_bundled("llama-3.1-70b-h100").surfaces(4)
BASIS = EngineBasis(EngineModel(REAL, REAL, 5e10), "llama")
ASSUMED = EngineBasis(
    EngineModel(prior_surfaces(4), prior_surfaces(4), 5e10), "prior", PRIOR_BOUNDS, assumed=True
)
BATCH, CONTEXT, TICK = 24.0, 1500.0, 15.0
PROMPT_TOKENS = 1000.0  # of the result's demand

See = Callable[..., Observation]


def worked(role: Role, seconds: float, pace: float, engine: EngineSurfaces) -> EngineLoad:
    """An engine that has served steadily for so long; a decode never sees a prefill's work."""
    step = pace * engine.decode_step_seconds(BATCH, CONTEXT)
    steps = seconds / step if role is Role.DECODE else 0.0
    passes = 2.0 * seconds if role is Role.PREFILL else 0.0
    each = (1.0, BATCH, 1e6 * step, BATCH**2, BATCH * 1e6 * step, BATCH)
    return EngineLoad(
        *(role, int(BATCH), 0, 0, 0, 0, 0, 0, 0, 10, int(BATCH * CONTEXT)),
        max_total_tokens=engine.kv_capacity_tokens,
        prefill_uncached_tokens_total=int(passes * PROMPT_TOKENS),
        prefill_busy_seconds_total=passes * pace * engine.prefill_seconds(PROMPT_TOKENS),
        decode_moments=tuple(steps * moment for moment in each),
    )


@pytest.fixture
def see(result: TickResult) -> See:
    """The result's workers after so many seconds of steady work."""

    def see(
        seconds: float, pace: float = 1.3, image: str = "sglang:1", **engine: Any
    ) -> Observation:
        seen = result.observation
        pools = {
            role: replace(
                seen.pool(role),
                workers=tuple(
                    replace(
                        each,
                        load=Known(worked(role, seconds, pace, **engine), 0.0, "engine"),
                        software=image,
                    )
                    for each in seen.pool(role).workers
                ),
            )
            for role in Role
        }
        return replace(
            seen,
            time_seconds=seen.time_seconds + seconds,
            prefill=pools[Role.PREFILL],
            decode=pools[Role.DECODE],
        )

    return see


@pytest.fixture
def watch(see: See) -> Callable[..., Calibrator]:
    """A calibrator after some ticks of steady load."""

    def watch(
        basis: EngineBasis = BASIS, ticks: int = 6, engine: EngineSurfaces = REAL, **how: Any
    ) -> Calibrator:
        calibrator = Calibrator(None)
        for tick in range(ticks):
            calibrator.learn(see(tick * TICK, engine=engine, **how), basis)
        return calibrator

    return watch


def test_plans_are_made_with_the_engine_as_it_is(watch: Callable[..., Calibrator]) -> None:
    engine = watch(pace=1.3).engine(BASIS).model
    assert engine.prefill.prefill_seconds(1000) == pytest.approx(
        1.3 * REAL.prefill_seconds(1000), rel=0.03
    )
    assert engine.decode.decode_step_seconds(24, 1500) == pytest.approx(
        1.3 * REAL.decode_step_seconds(24, 1500), rel=0.01
    )


def test_as_long_as_nothing_new_is_learned_the_very_same_surfaces_are_planned_with(
    watch: Callable[..., Calibrator], see: See
) -> None:
    calibrator = watch(pace=1.3)
    before = calibrator.engine(BASIS).model
    calibrator.learn(see(6 * TICK, pace=1.3, engine=REAL), BASIS)
    after = calibrator.engine(BASIS).model
    assert after.prefill is before.prefill
    assert after.decode is before.decode


def test_a_restarted_operator_plans_as_before(
    watch: Callable[..., Calibrator], result: TickResult
) -> None:
    calibrator = watch(pace=1.3)
    seen = replace(result, calibration=calibrator.calibration)
    status = build_status(seen, PDInferenceServiceStatus())
    stored = PDInferenceServiceStatus.model_validate(status.manifest())
    assert Calibrator(stored.calibration).engine(BASIS) == calibrator.engine(BASIS)


def test_a_new_image_is_measured_anew(watch: Callable[..., Calibrator], see: See) -> None:
    calibrator = watch(pace=1.3)
    calibrator.learn(see(7 * TICK, image="sglang:2", engine=REAL), BASIS)
    assert not calibrator.calibration.decode.regions
    assert calibrator.engine(BASIS).model.decode is REAL


def test_while_no_worker_is_ready_nothing_is_forgotten(
    watch: Callable[..., Calibrator], see: See
) -> None:
    calibrator = watch(pace=1.3)
    seen = see(7 * TICK, engine=REAL)
    waiting = tuple(replace(worker, ready=False) for worker in seen.decode.workers)
    gone = replace(seen, decode=replace(seen.decode, workers=waiting))
    calibrator.learn(gone, BASIS)
    assert calibrator.calibration.decode.trusted


def test_an_engine_that_nobody_described_is_learned_within_minutes(
    watch: Callable[..., Calibrator],
) -> None:
    """A profile that is many times faster than the prior, learned from its counters alone."""
    fast = load_bundled("llama-3.1-8b-h200").surfaces(1)
    calibrator = watch(ASSUMED, ticks=7, engine=fast, pace=1.0)
    assert calibrator.engine(ASSUMED).measured
    engine = calibrator.engine(ASSUMED).model
    measured = fast.decode_step_seconds(24, 1500)
    assert engine.decode.decode_step_seconds(24, 1500) == pytest.approx(measured, rel=0.02)
    assert engine.prefill.prefill_seconds(1000) == pytest.approx(
        fast.prefill_seconds(1000), rel=0.1
    )
    assert engine.decode.kv_capacity_tokens == fast.kv_capacity_tokens


def test_an_engine_without_enough_samples_counts_as_unmeasured(
    watch: Callable[..., Calibrator],
) -> None:
    calibrator = watch(ASSUMED, ticks=2)
    assert not calibrator.engine(ASSUMED).measured
    assert calibrator.engine(BASIS).measured


def test_the_condition_says_that_the_engine_is_being_learned(
    result: TickResult, watch: Callable[..., Calibrator]
) -> None:
    spec = result.service.spec
    undescribed = spec.model_copy(
        update={"engine": spec.engine.model_copy(update={"profile": None})}
    )
    service = result.service.model_copy(update={"spec": undescribed})
    learning = replace(result, service=service, calibration=watch(ASSUMED, ticks=2).calibration)
    said = find_condition(
        build_status(learning, PDInferenceServiceStatus()).conditions, ConditionType.SLO_FEASIBLE
    )
    assert said is not None
    assert (said.status, said.reason) == ("Unknown", "ProfileBeingLearned")
    learned = replace(learning, calibration=watch(ASSUMED, ticks=8).calibration)
    said = find_condition(
        build_status(learned, PDInferenceServiceStatus()).conditions, ConditionType.SLO_FEASIBLE
    )
    assert said is not None
    assert said.status == "True"


def test_what_was_learned_is_shown_in_status_metrics_and_explanation(
    result: TickResult, watch: Callable[..., Calibrator]
) -> None:
    seen = replace(result, calibration=watch(pace=1.3).calibration)
    status = build_status(seen, PDInferenceServiceStatus())
    assert status.calibration is not None
    assert status.calibration.decode is not None
    (region,) = status.calibration.decode.regions
    assert (region.name, region.ratio_per_mille) == ("upto-64", 1300)

    metrics = OperatorMetrics()
    export(metrics, result.service.key, seen, status)
    series = 'pd_operator_calibration_ratio{namespace="default",region="upto-64",role="decode"'
    assert series in metrics.exposition().decode()

    console = Console(width=200, record=True, file=StringIO())
    console.print(explanation(result.service.model_copy(update={"status": status})))
    assert "decode takes of its profile's time: 1.30 x (upto-64 sequences)" in console.export_text()
