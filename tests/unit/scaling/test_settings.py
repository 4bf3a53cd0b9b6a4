from typing import Any

import pytest

from pd_operator.api.autoscaling import Mode
from pd_operator.api.spec import PDInferenceServiceSpec
from pd_operator.scaling.settings import PoolSettings, ScalingSettings


@pytest.fixture
def spec() -> dict[str, Any]:
    return {
        "model": {"path": "meta-llama/Llama-3.1-70B-Instruct"},
        "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
        "objectives": {
            "ttft": {"percentile": 95, "milliseconds": 800},
            "tpot": {"percentile": 90, "milliseconds": 17},
        },
        "prefill": {"minReplicas": 2, "maxReplicas": 8, "tensorParallelSize": 4},
        "decode": {"maxReplicas": 4, "tensorParallelSize": 8, "expectedStartupSeconds": 20},
        "autoscaling": {"mode": "Advisory", "gpuBudget": 48},
        "metrics": {"prometheusUrl": "http://prometheus:9090"},
    }


def test_everything_a_decision_needs_is_read_from_the_spec(spec: dict[str, Any]) -> None:
    settings = ScalingSettings.from_spec(PDInferenceServiceSpec.model_validate(spec))
    assert settings.prefill == PoolSettings(
        2, 8, 4, 360.0, startup_seconds=180.0, lead_time_seconds=180.0
    )
    assert settings.decode == PoolSettings(
        1, 4, 8, 60.0, startup_seconds=20.0, lead_time_seconds=20.0
    )
    assert settings.gpu_budget == 48
    assert settings.mode is Mode.ADVISORY
    assert (settings.objectives.ttft.percentile, settings.objectives.ttft.seconds) == (95, 0.8)
    assert (settings.objectives.tpot.percentile, settings.objectives.tpot.seconds) == (90, 0.017)


def test_without_a_word_on_behavior_a_pool_s_own_lead_time_is_the_scale_down_window(
    spec: dict[str, Any],
) -> None:
    behavior = ScalingSettings.from_spec(PDInferenceServiceSpec.model_validate(spec)).behavior
    assert behavior.scale_up.stabilization_window_seconds == 0
    assert behavior.scale_down.stabilization_window_seconds is None
