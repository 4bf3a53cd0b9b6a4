"""The demo with engines that are slower than their profile says."""

from pathlib import Path
from typing import Any

import yaml

from pd_e2e.demo.slowdown import pace_of, slowed
from pd_e2e.engine.settings import Settings
from pd_operator.api.v1alpha1 import PDInferenceService

REPOSITORY = Path(__file__).parents[3]


def played() -> dict[str, Any]:
    """The demo's service, near enough to what kustomize makes of it."""
    manifest: dict[str, Any] = yaml.safe_load(
        (REPOSITORY / "examples" / "pdservice.yaml").read_text()
    )
    return manifest


def test_slowed_engines_are_told_so_and_the_objectives_give_way() -> None:
    service = PDInferenceService.parse(slowed(played(), 30))
    assert pace_of(service) == 1.3
    assert service.spec.objectives.tpot.milliseconds == 52
    assert service.spec.objectives.ttft.milliseconds == 1300


def test_without_a_slowdown_engines_keep_their_pace() -> None:
    assert pace_of(PDInferenceService.parse(slowed(played(), 0))) == 1.0
    assert pace_of(PDInferenceService.parse(played())) == 1.0


def test_the_engine_simulator_reads_what_it_is_told() -> None:
    service = slowed(played(), 30)
    variables = service["spec"]["decode"]["template"]["spec"]["containers"][0]["env"]
    names = [variable["name"] for variable in variables]
    assert len(names) == len(set(names))
    environment = {variable["name"]: variable.get("value", "") for variable in variables}
    assert Settings.from_environment(environment).time_scale == 1.3
