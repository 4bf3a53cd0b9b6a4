"""The operator finds out how fast engines really are, and plans with that."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.calibration import MINIMUM_SAMPLES
from pd_operator.api.conditions import ConditionType
from pd_operator.api.roles import Role

from .installed import InstalledOperator
from .service import NAME, RunningService, template
from .traffic import SteadyLoad

pytestmark = pytest.mark.controlplane

Serve = Callable[..., RunningService]


def ratios(chat: RunningService) -> dict[Role, list[float]]:
    """Ratios of the regions that are acted on."""
    learned = chat.status.calibration
    found = {role: learned.of(role) if learned else None for role in Role}
    return {
        role: [
            region.ratio_per_mille / 1000
            for region in (calibration.regions if calibration else ())
            if region.samples >= MINIMUM_SAMPLES
        ]
        for role, calibration in found.items()
    }


def test_engines_slower_than_their_profile_are_planned_for_as_they_are(
    operator: InstalledOperator, serve: Serve, tmp_path: Path
) -> None:
    slow = {"template": template(PD_ENGINE_TIME_SCALE="1.3"), "maxReplicas": 2}
    chat = serve(
        prefill=slow,
        decode=slow,
        objectives={"ttft": {"milliseconds": 3000}, "tpot": {"milliseconds": 60}},
    )
    load = SteadyLoad(
        chat.router_url, tmp_path / "load", rate=4, input_tokens=1000, output_tokens=100
    )
    with load:
        eventually(lambda: all(ratios(chat).values()), timeout_seconds=120)
        for role, found in ratios(chat).items():
            assert found == [pytest.approx(1.3, abs=0.1)] * len(found), role
        place = {"namespace": chat.namespace, "service": NAME}
        region = chat.status.calibration.prefill.regions[-1].name  # type: ignore[union-attr]  # it is there
        exported = operator.metric("calibration_ratio", role="prefill", region=region, **place)
        assert exported == pytest.approx(1.3, abs=0.1)
        load.goes_on()
    assert load.failures() == []


def test_a_service_without_a_profile_is_learned_and_loses_no_worker_meanwhile(
    operator: InstalledOperator, serve: Serve, tmp_path: Path
) -> None:
    chat = serve(engine={"profile": None}, decode={"minReplicas": 1})
    load = SteadyLoad(
        chat.router_url, tmp_path / "load", rate=3, input_tokens=1000, output_tokens=100
    )
    with load:
        said = chat.await_condition(
            ConditionType.SLO_FEASIBLE, "Unknown", "ProfileBeingLearned", timeout_seconds=60
        )
        assert "no worker is removed" in said.message
        # A plan, and with it the condition, is unknown also while the first requests are counted.
        eventually(lambda: all(ratios(chat).values()), timeout_seconds=180)
        eventually(
            lambda: (
                chat.condition(ConditionType.SLO_FEASIBLE).reason
                in ("ObjectivesFeasible", "TTFTInfeasible", "TPOTInfeasible")
            ),
            timeout_seconds=60,
        )
        load.goes_on()
    assert load.failures() == []
