from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_operator.api.router import PrefillPolicy
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.sizing.flags import LoadFlags, PlanFlags
from pd_operator.cli.sizing.manifest import manifest
from pd_operator.cli.sizing.sources import about
from pd_operator.performance import load_bundled
from pd_operator.planning.limits import WorkerRange
from pd_operator.planning.plan import PlanningError

EXAMPLE = Path(__file__).parents[4] / "examples" / "pdservice.yaml"
MEASURED = {
    "milliRequestsPerSecond": 24500,
    "promptTokensPerSecond": 24500,
    "outputTokensPerSecond": 4900,
    "meanPromptTokens": 1000,
    "meanOutputTokens": 200,
}


def service(demand: dict[str, int] | None = None, **spec: Any) -> PDInferenceService:
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["spec"] |= spec
    if demand is not None:
        document["status"] = {"demand": demand}
    return PDInferenceService.parse(document)


def test_a_service_is_planned_as_its_spec_and_status_say() -> None:
    request = about(service(MEASURED), None, LoadFlags(), PlanFlags())
    assert request.load.requests_per_second == 24.5
    assert request.load.source == "the service's status"
    assert request.load.prefill.prompt_tokens.mean == pytest.approx(1000)
    assert request.objectives.tpot.seconds == pytest.approx(0.040)
    assert request.policy is PrefillPolicy.POWER_OF_TWO
    limits = request.limits
    assert (limits.prefill_tensor_parallel, limits.decode_tensor_parallel, limits.gpu_budget) == (
        (4,),
        (4,),
        64,
    )
    assert limits.prefill_workers == WorkerRange(2, 10)
    assert limits.transfer_bytes_per_second_per_worker == pytest.approx(50e9)
    sizing = request.plan()
    assert sizing.feasible
    assert sizing.plan.prefill.workers >= 2


def test_flags_come_before_the_service() -> None:
    flags = PlanFlags(ttft_ms=500.0, tp_decode=(8,), budget=32, router=PrefillPolicy.RANDOM)
    load = LoadFlags(rate=5.0)
    request = about(service(MEASURED), None, load, flags)
    assert request.load.requests_per_second == 5.0
    assert request.load.prefill.prompt_tokens.mean == pytest.approx(1000)
    assert request.objectives.ttft.seconds == 0.5
    assert request.limits.decode_tensor_parallel == (8,)
    assert request.limits.gpu_budget == 32
    assert request.policy is PrefillPolicy.RANDOM


def test_a_service_that_measured_nothing_yet_needs_a_load() -> None:
    with pytest.raises(PlanningError, match="has no measured load yet"):
        about(service(), None, LoadFlags(), PlanFlags())
    given = LoadFlags(rate=5.0, prompt=100.0, output=10.0)
    assert about(service(), None, given, PlanFlags()).load.source == "given figures"


def test_a_service_s_plan_applies_again() -> None:
    request = about(service(MEASURED), None, LoadFlags(), PlanFlags())
    again = manifest(request, request.plan(), "chat")
    parsed = PDInferenceService.parse(yaml.safe_load(again))
    assert parsed.spec.engine.profile == service().spec.engine.profile
    assert parsed.spec.engine.transfer_gigabits_per_second == 400
    assert parsed.spec.metrics == service().spec.metrics
    assert parsed.spec.autoscaling.mode is service().spec.autoscaling.mode


def test_a_what_if_keeps_how_lengths_vary() -> None:
    request = about(service(MEASURED), None, LoadFlags(), PlanFlags())
    longer = request.what_if({"isl": "2000"}).load.prefill.prompt_tokens
    before = request.load.prefill.prompt_tokens
    assert longer == replace(before, tokens=longer.tokens)
    assert longer.mean == pytest.approx(2000)


def test_engines_are_planned_with_as_the_operator_has_learned_them() -> None:
    slow = {
        "version": "engine.profile",
        "regions": [
            {"name": "upto-64", "ratioPerMille": 1300, "samples": 64, "newestSeconds": 1},
        ],
    }
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["status"] = {"demand": MEASURED, "calibration": {"decode": slow}}
    learned = about(PDInferenceService.parse(document), None, LoadFlags(), PlanFlags()).profile
    described = about(service(MEASURED), None, LoadFlags(), PlanFlags()).profile
    for size in (4, 8):
        step = described.surfaces(size).decode_step_seconds(32, 1000)
        assert learned.surfaces(size).decode_step_seconds(32, 1000) == pytest.approx(1.3 * step)


def test_a_service_without_a_profile_needs_one_until_its_engines_were_measured() -> None:
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    del document["spec"]["engine"]["profile"]
    document["status"] = {"demand": MEASURED}
    with pytest.raises(PlanningError, match="give one with --profile"):
        about(PDInferenceService.parse(document), None, LoadFlags(), PlanFlags())


def test_a_learned_engine_s_plan_applies_without_a_profile_too() -> None:
    measured = {
        role: {
            "version": "engine.profile",
            "regions": [
                {"name": name, "ratioPerMille": 400, "samples": 64, "newestSeconds": 1},
            ],
        }
        for role, name in (("prefill", "upto-1024"), ("decode", "upto-64"))
    }
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    del document["spec"]["engine"]["profile"]
    document["status"] = {"demand": MEASURED, "calibration": measured}
    request = about(PDInferenceService.parse(document), None, LoadFlags(), PlanFlags())
    again = manifest(request, request.plan(), "chat")
    assert PDInferenceService.parse(yaml.safe_load(again)).spec.engine.profile is None


def auto(**status: Any) -> PDInferenceService:
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    document["spec"]["parallelism"] = "Auto"
    for pool in ("prefill", "decode"):
        del document["spec"][pool]["tensorParallelSize"]
    document["status"] = {"demand": MEASURED} | status
    return PDInferenceService.parse(document)


def test_sizes_that_the_operator_is_yet_to_choose_are_all_considered() -> None:
    request = about(auto(), None, LoadFlags(), PlanFlags())
    pairs = {
        (one.prefill.tensor_parallel_size, one.decode.tensor_parallel_size)
        for one in request.plan().alternatives
    }
    assert pairs == {(4, 4), (8, 8)}


def test_sizes_that_the_operator_has_chosen_stay() -> None:
    chosen = {
        "prefillTensorParallelSize": 8,
        "decodeTensorParallelSize": 8,
        "time": "2026-01-01T12:00:00Z",
        "message": "Fewest GPUs.",
    }
    request = about(auto(parallelism=chosen), None, LoadFlags(), PlanFlags())
    assert (request.limits.prefill_tensor_parallel, request.limits.decode_tensor_parallel) == (
        (8,),
        (8,),
    )


def test_a_network_that_is_given_is_each_gpu_s() -> None:
    limits = about(service(MEASURED), None, LoadFlags(), PlanFlags(gigabits_per_gpu=100)).limits
    worker = load_bundled("llama-3.1-70b-h100").surfaces(8)
    assert limits.transfer_bytes_per_second(worker) == pytest.approx(100e9)
