"""One tick's decision as a whole: what is unknown is carried on, and what holds workers is said."""

import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.scaling.deciding import NO_DEMAND, NOTHING, Observe, link

from pd_operator.api.roles import Role
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.demand import Demand, DemandForecast, NotEnoughHistoryError, QuantileBand
from pd_operator.performance import load_bundled
from pd_operator.planning.plan import Plan
from pd_operator.scaling.autoscaler import EngineKnowledge, Outcome, autoscale
from pd_operator.scaling.decision import DecisionReason
from pd_operator.scaling.foresight import Foreseen
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Observation, Unknown
from pd_operator.scaling.slopes import Offered
from pd_operator.simulation.from_spec import engine_of

ROOT = Path(__file__).resolve().parents[3]
YOUNG = Unknown("NotEnoughHistory", "forecast", "The forecaster is being fitted.")
BROKEN = Unknown("ProfileInvalid", "profile", "the profile is not JSON.")
AT_ONCE = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}

Spec = Callable[..., PDInferenceServiceSpec]


class Steady:
    """A forecaster that expects `rate` requests per second, whenever it is asked about."""

    end_seconds = 10_000.0

    def __init__(self, rate: float, *, known: bool = True, trusted: bool = True) -> None:
        self._rate, self._known, self._trusted = rate, known, trusted

    def nearest_learned(self, horizon_seconds: float) -> float:
        return horizon_seconds

    def forecast(
        self, role: Role, horizon_seconds: float, quantile_percent: int, shape: Demand
    ) -> DemandForecast:
        del role
        if not self._known:
            raise NotEnoughHistoryError("a forecast needs 5 measured bins, there are 2")
        band = QuantileBand(self._rate, self._rate, self._rate)
        return DemandForecast(
            horizon_seconds=horizon_seconds,
            quantile_percent=quantile_percent,
            demand=replace(shape, requests_per_second=self._rate),
            requests_per_second=band,
            tokens_per_second=band,
            model="Steady",
            error_vs_last_value=0.5,
            trusted=self._trusted,
        )


def decided(
    observation: Observation, spec: PDInferenceServiceSpec, rate: float = 1.0, **how: bool
) -> Outcome:
    engine = EngineKnowledge(engine_of(spec, load_bundled("llama-3.1-70b-h100")), **how)
    return autoscale(observation, Steady(rate), engine, spec, NOTHING)


def test_more_load_to_come_asks_for_more_workers_than_the_load_of_now(
    observe: Observe, example: Spec
) -> None:
    outcome = decided(observe(2, 2), example(), rate=400.0)
    assert isinstance(outcome.plan_ahead, Plan)
    assert isinstance(outcome.plan_now, Plan)
    assert outcome.plan_ahead.prefill.workers > outcome.plan_now.prefill.workers
    assert outcome.decision is not None
    assert outcome.decision.links[0].name == "Forecast"
    assert outcome.decision.links[0].prefill == outcome.plan_ahead.prefill.workers
    assert outcome.decision.prefill.desired > 2


def test_an_engine_that_was_only_guessed_adds_workers_and_removes_none(
    observe: Observe, example: Spec
) -> None:
    spec = example(autoscaling=AT_ONCE)
    guessed = decided(observe(6, 6), spec, measured=False).decision
    measured = decided(observe(6, 6), spec, measured=True).decision
    assert guessed is not None
    assert measured is not None
    assert measured.prefill.desired < 6
    assert guessed.prefill.desired == guessed.decode.desired == 6
    assert guessed.reason is DecisionReason.ENGINE_UNMEASURED
    assert "6 stay until this engine was measured" in link(guessed, "Unmeasured")
    more = decided(observe(2, 2), spec, rate=400.0, measured=False).decision
    assert more is not None
    assert more.prefill.desired > 2


@pytest.mark.parametrize("missing", ["forecaster", "bins", "demand", "engine"])
def test_whatever_is_unknown_holds_the_workers_and_is_named(
    observe: Observe, example: Spec, missing: str
) -> None:
    spec = example(autoscaling=AT_ONCE)
    seen = observe(6, 6, demand=NO_DEMAND) if missing == "demand" else observe(6, 6)
    known = EngineKnowledge(engine_of(spec, load_bundled("llama-3.1-70b-h100")))
    outcome = autoscale(
        seen,
        YOUNG if missing == "forecaster" else Steady(1.0, known=missing != "bins"),
        BROKEN if missing == "engine" else known,
        spec,
        NOTHING,
    )
    assert isinstance(outcome.plan_ahead, Unknown)
    assert outcome.decision is not None
    assert outcome.decision.holds
    assert outcome.decision.prefill.desired == outcome.decision.decode.desired == 6
    assert outcome.plan_ahead.message in link(outcome.decision, "Unknown")


def test_a_paused_service_is_planned_for_and_nothing_is_decided(
    observe: Observe, example: Spec
) -> None:
    memory = ScalingMemory()
    spec = example(autoscaling={"mode": "Paused"})
    engine = EngineKnowledge(engine_of(spec, load_bundled("llama-3.1-70b-h100")))
    outcome = autoscale(observe(2, 2), Steady(40.0), engine, spec, memory)
    assert isinstance(outcome.plan_ahead, Plan)
    assert outcome.decision is None
    assert outcome.memory is memory


def test_the_documented_example_scales_ahead_of_its_wave(
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = ROOT / "examples" / "decision_port.py"
    assert len(example.read_text().splitlines()) < 40
    assert example.name in (ROOT / "docs" / "decision-port.md").read_text()
    ended = runpy.run_path(str(example))
    assert ended["workers"][Role.PREFILL] > 3
    said = capsys.readouterr().out
    assert "prefill goes from" in said.lower()


@pytest.mark.parametrize(
    ("foreseen_tokens", "drawn_on"), [(None, True), (900.0, True), (1_100.0, False)]
)
def test_a_rise_is_drawn_on_where_no_forecast_saw_the_load_coming(
    observe: Observe, example: Spec, foreseen_tokens: float | None, drawn_on: bool
) -> None:
    spec = example(prefill={"maxReplicas": 50})
    engine = EngineKnowledge(engine_of(spec, load_bundled("llama-3.1-70b-h100")))
    # Ten requests/s of 100 tokens are there by now, from nothing within two minutes.
    offered = tuple(Offered(9_880.0 + 15 * tick, 125.0 * tick) for tick in range(8))
    foreseen = (
        ()
        if foreseen_tokens is None
        else tuple(Foreseen(9_995.0, role, foreseen_tokens) for role in Role)
    )
    memory = ScalingMemory(offered=offered, foreseen=foreseen)
    outcome = autoscale(observe(2, 2), YOUNG, engine, spec, memory)
    assert outcome.decision is not None
    assert ("the load rises" in link(outcome.decision, "Rise")) is drawn_on


@pytest.mark.parametrize("trusted", [True, False])
def test_a_fall_ends_the_margins_of_a_forecast_that_is_not_trusted(
    observe: Observe, example: Spec, trusted: bool
) -> None:
    spec = example(prefill={"maxReplicas": 50}, decode={"maxReplicas": 50}, autoscaling=AT_ONCE)
    engine = EngineKnowledge(engine_of(spec, load_bundled("llama-3.1-70b-h100")))
    offered = tuple(Offered(9_880.0 + 15 * tick, 2_000.0 - 125 * tick) for tick in range(8))
    memory = ScalingMemory(offered=offered)
    outcome = autoscale(observe(9, 9), Steady(400.0, trusted=trusted), engine, spec, memory)
    assert outcome.decision is not None
    assert isinstance(outcome.plan_now, Plan)
    assert outcome.plan_now.prefill.workers == 1
    assert isinstance(outcome.plan_ahead, Plan)
    ahead = outcome.plan_ahead.prefill.workers
    assert ahead > 2
    after = next(one for one in outcome.decision.links if one.name == "Fall")
    # One worker would do for the present load, and has no room for one that comes back.
    assert after.prefill == (ahead if trusted else 2)
