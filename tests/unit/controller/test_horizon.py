"""How far ahead a pool's load is forecast."""

from dataclasses import replace

import pytest

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.service_loop import horizon_seconds
from pd_operator.controller.status.tick_result import TickResult


@pytest.mark.parametrize(
    ("resolution_seconds", "stretch_seconds"),
    # 30 s are five bins of 5 s with their middle two bins later; minutes stand for themselves.
    [(5, 10), (60, 0)],
)
def test_the_horizon_is_where_a_worker_ordered_now_will_serve(
    result: TickResult, resolution_seconds: int, stretch_seconds: int
) -> None:
    manifest = result.service.model_dump(mode="json", by_alias=True, exclude_none=True)
    manifest["spec"]["autoscaling"] |= {
        "periodSeconds": 2,
        "forecast": {"resolutionSeconds": resolution_seconds, "leadMarginSeconds": 7},
    }
    manifest["spec"]["metrics"]["scrapeIntervalSeconds"] = 1
    manifest["spec"]["prefill"]["expectedStartupSeconds"] = 100
    observation = replace(
        result.observation, prefill=replace(result.observation.prefill, workers=())
    )
    service = PDInferenceService.parse(manifest)
    assert horizon_seconds(service, observation, Role.PREFILL) == (
        100 + 2 + 1 + 7 + resolution_seconds + stretch_seconds
    )
