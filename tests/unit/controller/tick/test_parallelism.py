"""What the operator makes of a service that leaves the sizes of its workers to it."""

from dataclasses import replace
from typing import Any

import pytest

from pd_operator.actuation.children import build_children
from pd_operator.actuation.children.engine_arguments import tensor_parallel_size
from pd_operator.api.conditions import ConditionReason, ConditionStatus
from pd_operator.api.roles import Role
from pd_operator.api.status import PDInferenceServiceStatus
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.builder import build_status
from pd_operator.controller.status.tick_result import TickResult
from pd_operator.controller.tick.parallelism import UndecidedError, choose
from pd_operator.performance import load_bundled
from pd_operator.scaling.observation import Unknown

PROFILE = load_bundled("llama-3.1-70b-h100")
CHOSEN = {
    "prefillTensorParallelSize": 4,
    "decodeTensorParallelSize": 8,
    "time": "2026-01-01T12:00:00Z",
    "message": "Fewest GPUs.",
}


def service(status: dict[str, Any] | None = None, **spec: Any) -> PDInferenceService:
    return PDInferenceService.parse(
        {
            "apiVersion": "serving.pd-operator.io/v1alpha1",
            "kind": "PDInferenceService",
            "metadata": {"name": "chat", "namespace": "team", "uid": "u", "generation": 1},
            "spec": {
                "model": {"path": "org/model"},
                "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
                "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 12}},
                "prefill": {"maxReplicas": 8},
                "decode": {"maxReplicas": 8},
                "parallelism": "AutoPerRole",
                "metrics": {"prometheusUrl": "http://prometheus:9090"},
            }
            | spec,
            "status": status or {},
        }
    )


def refused(service: PDInferenceService) -> UndecidedError:
    with pytest.raises(UndecidedError) as why:
        choose(service, PROFILE, {})
    return why.value


def test_sizes_are_chosen_by_the_profile_and_objectives_and_told_why() -> None:
    chosen = choose(service(), PROFILE, {})
    assert (chosen.prefill_tensor_parallel_size, chosen.decode_tensor_parallel_size) == (4, 8)
    assert "Most requests per GPU" in chosen.message


def test_a_pool_that_is_there_keeps_its_size() -> None:
    assert choose(service(), PROFILE, {Role.PREFILL: 8}).prefill_tensor_parallel_size == 8


def test_without_a_profile_nothing_is_chosen_and_it_is_said_which_there_are() -> None:
    gone = Unknown("UnknownProfile", "profile", "no bundled profile is called 'x'; there are y")
    with pytest.raises(UndecidedError) as why:
        choose(service(), gone, {})
    update = why.value.update
    assert (update.status, update.reason) == (
        ConditionStatus.FALSE,
        ConditionReason.UNKNOWN_PROFILE,
    )
    assert "there are y" in update.message


@pytest.mark.parametrize(
    ("objectives", "reason", "figure"),
    [
        ({"ttft": {"milliseconds": 50}, "tpot": {"milliseconds": 12}}, "TTFTInfeasible", "at TP8"),
        ({"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 2}}, "TPOTInfeasible", "at TP8"),
    ],
)
def test_objectives_that_no_size_meets_are_named_with_what_to_do(
    objectives: dict[str, Any], reason: str, figure: str
) -> None:
    update = refused(service(objectives=objectives)).update
    assert (update.status, update.reason.value) == (ConditionStatus.FALSE, reason)
    assert figure in update.message
    assert "set parallelism to Manual" in update.message


def test_limits_that_leave_no_size_are_named_with_what_to_do() -> None:
    update = refused(service(autoscaling={"gpuBudget": 10})).update
    assert update.reason is ConditionReason.PARALLELISM_UNDECIDED
    assert "a budget of 10 GPUs" in update.message
    assert "set parallelism to Manual" in update.message


def test_chosen_sizes_are_those_of_the_children_and_can_be_read_from_them() -> None:
    sized = service({"parallelism": CHOSEN}).with_tensor_parallel()
    pools = [
        child
        for child in build_children(sized, operator_image="operator")
        if child["kind"] == "Deployment" and not child["metadata"]["name"].endswith("router")
    ]
    assert [tensor_parallel_size(pool) for pool in pools] == [4, 8]
    engines = [pool["spec"]["template"]["spec"]["containers"][0] for pool in pools]
    assert [engine["resources"]["limits"]["nvidia.com/gpu"] for engine in engines] == ["4", "8"]


@pytest.mark.parametrize(
    ("name", "args", "size"),
    [
        ("engine", ["--tp-size"], None),
        ("engine", ["--tp-size", "$(TP)"], None),
        ("engine", None, None),
        ("another", ["--tp-size", "4"], None),
        ("engine", ["--port", "1", "--tp-size", "4"], 4),
        ("engine", ["--tp-size", "4", "--tp-size", "8"], 4),
    ],
)
def test_the_size_of_a_deployment_is_that_of_the_operator_s_own_argument(
    name: str, args: list[str] | None, size: int | None
) -> None:
    spec = {
        "template": {
            "spec": {
                "containers": [
                    {"name": "sidecar"},
                    {"name": name} | ({} if args is None else {"args": args}),
                ]
            }
        }
    }
    assert tensor_parallel_size({"spec": spec}) == size


def test_the_choice_survives_every_tick_in_the_status(result: TickResult) -> None:
    auto = replace(result, service=service({"parallelism": CHOSEN}).with_tensor_parallel())
    status = build_status(auto, PDInferenceServiceStatus())
    assert status.parallelism is not None
    assert status.manifest()["parallelism"] == CHOSEN
