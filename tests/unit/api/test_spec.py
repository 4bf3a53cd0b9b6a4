from typing import Any

import pytest
from pydantic import ValidationError

from pd_operator.api.autoscaling import Mode, PolicyType
from pd_operator.api.names import ServiceKey
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService


def test_a_minimal_service_gets_every_default(minimal: dict[str, Any]) -> None:
    spec = PDInferenceService.parse(minimal).spec

    assert spec.engine.image == "lmsysorg/sglang:v0.5.23"
    assert spec.objectives.ttft.percentile == 90
    assert spec.prefill.min_replicas == 1
    assert spec.autoscaling.mode is Mode.ACTIVE
    assert spec.autoscaling.gpu_budget is None
    assert spec.autoscaling.forecast.quantile_percent == 70


def test_scaling_behavior_defaults_to_that_of_the_horizontal_pod_autoscaler_but_for_the_window(
    minimal: dict[str, Any],
) -> None:
    behavior = PDInferenceService.parse(minimal).spec.autoscaling.behavior

    up = [(p.type, p.value, p.period_seconds) for p in behavior.scale_up.policies]
    down = [(p.type, p.value, p.period_seconds) for p in behavior.scale_down.policies]
    assert behavior.scale_up.stabilization_window_seconds == 0
    assert behavior.scale_down.stabilization_window_seconds is None
    assert up == [(PolicyType.PERCENT, 100, 15), (PolicyType.PODS, 4, 15)]
    assert down == [(PolicyType.PERCENT, 100, 15)]


def test_a_brake_on_one_side_leaves_the_other_defaults_alone(minimal: dict[str, Any]) -> None:
    minimal["spec"]["autoscaling"] = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}
    behavior = PDInferenceService.parse(minimal).spec.autoscaling.behavior

    assert behavior.scale_down.stabilization_window_seconds == 60
    assert behavior.scale_down.policies[0].type is PolicyType.PERCENT
    assert len(behavior.scale_up.policies) == 2


def test_clients_name_the_model_by_its_path_unless_it_has_a_served_name(
    minimal: dict[str, Any],
) -> None:
    assert PDInferenceService.parse(minimal).spec.model.name_for_clients == "org/model"
    minimal["spec"]["model"]["servedName"] = "model"
    assert PDInferenceService.parse(minimal).spec.model.name_for_clients == "model"


def test_pools_are_found_by_role_and_the_service_by_its_key(minimal: dict[str, Any]) -> None:
    minimal["spec"]["decode"]["maxReplicas"] = 3
    service = PDInferenceService.parse(minimal)

    assert service.spec.pool(Role.PREFILL).max_replicas == 8
    assert service.spec.pool(Role.DECODE).max_replicas == 3
    assert service.key == ServiceKey("serving", "chat")
    assert str(service.key) == "serving/chat"


def test_metadata_of_the_apiserver_is_no_unknown_field(minimal: dict[str, Any]) -> None:
    minimal["metadata"] |= {
        "uid": "u",
        "generation": 3,
        "resourceVersion": "17",
        "managedFields": [{"manager": "kubectl"}],
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    }
    service = PDInferenceService.parse(minimal)

    assert service.metadata.generation == 3
    assert service.being_deleted
    assert service.reference()["uid"] == "u"


def test_a_parsed_service_cannot_be_changed(minimal: dict[str, Any]) -> None:
    model = PDInferenceService.parse(minimal).spec.model
    with pytest.raises(ValidationError, match="frozen"):
        setattr(model, "path", "other")  # noqa: B010 - assigning it is a type error already


def test_a_misspelled_field_is_refused_by_name(minimal: dict[str, Any]) -> None:
    minimal["spec"]["prefill"]["maxReplcas"] = 4
    with pytest.raises(ValidationError, match=r"spec\.prefill\.maxReplcas"):
        PDInferenceService.parse(minimal)


def test_a_budget_counts_the_gpus_of_both_pools(minimal: dict[str, Any]) -> None:
    minimal["spec"]["prefill"] = {"maxReplicas": 4, "tensorParallelSize": 4}
    minimal["spec"]["decode"] = {"maxReplicas": 4, "tensorParallelSize": 4, "minReplicas": 2}
    minimal["spec"]["autoscaling"] = {"gpuBudget": 12}
    PDInferenceService.parse(minimal)

    minimal["spec"]["autoscaling"] = {"gpuBudget": 11}
    with pytest.raises(ValidationError, match=r"gpuBudget \(11\) must cover .* \(12\)"):
        PDInferenceService.parse(minimal)


@pytest.mark.parametrize("argument", ["--port", "--port=31000", "--disaggregation-mode"])
def test_flags_that_follow_from_other_fields_are_refused(
    minimal: dict[str, Any], argument: str
) -> None:
    minimal["spec"]["decode"]["args"] = [argument]
    with pytest.raises(ValidationError, match=f"{argument} cannot be given: they are set"):
        PDInferenceService.parse(minimal)


@pytest.mark.parametrize(
    "args",
    [
        ["--page-size", "64", "--portable"],
        ["--dp-size", "4", "--enable-dp-attention"],
        ["--enable-dp-attention", "--data-parallel-size=4"],
        ["--json-model-override-args", '{"a": [1, 2]}'],
        ['--json-model-override-args={"a": 1}'],
        ["--ep-size", "4"],
        ["--attn-dp-size", "4"],
        ["--admin-api-key", "k"],
        ["--chat-template", "  - a list -- of things"],
    ],
    ids=" ".join,
)
def test_other_flags_are_the_users(minimal: dict[str, Any], args: list[str]) -> None:
    minimal["spec"]["engine"]["args"] = args
    assert list(PDInferenceService.parse(minimal).spec.engine.args) == args


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--pp-size", "2"], "a worker is one pod with tensorParallelSize GPUs"),
        (["--pipeline-parallel-size=2"], "a worker is one pod"),
        (["--pipeline-par", "2"], "a worker is one pod"),
        (["--nnodes", "2", "--node-rank", "0"], "a worker is one pod"),
        (["--use-ray"], "a worker is one pod"),
        (["--max-ep-size", "16"], "a worker is one pod"),
        (["--elastic-ep-join-mode=scale"], "a worker is one pod"),
        (["--base-gpu-id=4"], "numbered from 0"),
        (["--gpu-id-step", "2"], "numbered from 0"),
        (["--enable-dp-attention", "--dp-size", "2", "--attn-dp", "2"], "GPUs of their own"),
        (["--dp-size", "2"], "unless --enable-dp-attention"),
        (["--data-parallel", "2"], "unless --enable-dp-attention"),
        (["--tp", "8"], "set by the operator from other fields"),
        (["--tp 8"], "a flag and its value are two arguments"),
        (["--log-level info"], "a flag and its value are two arguments"),
        (["--tp\t8"], "a flag and its value are two arguments"),
        ([" --tp=8"], "a flag and its value are two arguments"),
        (["--page-size=64 --dp-size=2"], "a flag and its value are two arguments"),
        (["--api-key", "$(KEY)"], "no load would be known"),
        (["--api-key=secret"], "no load would be known"),
        (["--ssl-certfile", "/cert.pem"], "HTTP without TLS"),
        (["--smg-grpc-mode"], "HTTP without TLS"),
        (["--config", "/etc/sglang.yaml"], "cannot see what a file sets"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_arguments_that_would_take_other_gpus_or_hide_the_load_are_refused_with_the_reason(
    minimal: dict[str, Any], args: list[str], why: str
) -> None:
    for place in ("engine", "prefill", "decode"):
        spec = minimal["spec"] | {place: minimal["spec"][place] | {"args": args}}
        with pytest.raises(ValidationError, match=why):
            PDInferenceService.parse(minimal | {"spec": spec})


def test_a_key_of_administrators_is_refused_where_roles_change(minimal: dict[str, Any]) -> None:
    minimal["spec"]["engine"]["args"] = ["--admin-api-key", "k"]
    assert PDInferenceService.parse(minimal)
    minimal["spec"]["autoscaling"] = {"roleFlips": "Enabled"}
    with pytest.raises(ValidationError, match="refuses to change its role"):
        PDInferenceService.parse(minimal)


def container(name: str = "engine", **fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, **fields}]}}


NVIDIA, AMD = "nvidia.com/gpu", "amd.com/gpu"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (
            container(resources={"limits": {NVIDIA: 8}}),
            "asks for 8 nvidia.com/gpu, .* counted with 4",
        ),
        (container(resources={"requests": {NVIDIA: "2"}}), "asks for 2 nvidia.com/gpu"),
        (container("helper", resources={"limits": {NVIDIA: 1}}), "container helper asks for 1"),
        (container(resources={"limits": {AMD: 4}}), "set engine.gpuResource to amd.com/gpu"),
        (container(resources={"limits": {"nvidia.com/mig-1g.10gb": 1}}), "beside nvidia.com/gpu"),
        (container(args=["--pp-size", "2"]), "give them in engine.args or decode.args"),
        (
            {"spec": {"initContainers": [{"name": "w", "resources": {"limits": {NVIDIA: 1}}}]}},
            "w asks",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_gpus_that_nobody_counts_and_arguments_in_a_template_are_refused(
    minimal: dict[str, Any], template: dict[str, Any], why: str
) -> None:
    minimal["spec"]["decode"] |= {"tensorParallelSize": 4, "template": template}
    with pytest.raises(ValidationError, match=f"decode.template: .*{why}"):
        PDInferenceService.parse(minimal)


@pytest.mark.parametrize(
    "template",
    [
        container(resources={"limits": {NVIDIA: "4", "memory": "64Gi", "rdma/hca": 1}}),
        container(resources={"limits": {NVIDIA: None, AMD: 4}}),
        container(resources={"limits": {"$patch": "replace", AMD: 4}}),
        container(resources={"$patch": "replace", "limits": {AMD: 4}}),
        container(resources={"limits": None}),
        {"spec": {"containers": "none"}},
        {"spec": {"containers": [{"name": "engine", "resources": {"limits": "all"}}]}},
    ],
)
def test_what_is_counted_or_no_gpu_may_stand_in_a_template(
    minimal: dict[str, Any], template: dict[str, Any]
) -> None:
    minimal["spec"]["decode"] |= {"tensorParallelSize": 4, "template": template}
    assert PDInferenceService.parse(minimal)


def test_a_template_brings_all_gpus_where_the_spec_names_no_resource(
    minimal: dict[str, Any],
) -> None:
    minimal["spec"]["engine"]["gpuResource"] = ""
    minimal["spec"]["decode"]["template"] = container(resources={"limits": {NVIDIA: 8}})
    assert PDInferenceService.parse(minimal)


def test_a_template_is_held_against_the_sizes_that_were_chosen(minimal: dict[str, Any]) -> None:
    minimal["spec"] |= {"parallelism": "Auto"}
    minimal["spec"]["decode"]["template"] = container(resources={"limits": {NVIDIA: 2}})
    spec = PDInferenceService.parse(minimal).spec
    assert spec.with_tensor_parallel(2, 2)
    with pytest.raises(ValueError, match="counted with 4"):
        spec.with_tensor_parallel(4, 4)


@pytest.mark.parametrize(
    "args",
    [
        ["--page-size", "64"],
        ["--kv-cache-dtype=fp8_e5m2"],
        ["--dtype", "float16"],
        ["--disaggregation-transfer", "nixl"],
    ],
    ids=" ".join,
)
def test_what_both_pools_must_agree_on_is_refused_in_one_and_taken_for_both(
    minimal: dict[str, Any], args: list[str]
) -> None:
    minimal["spec"]["engine"]["args"] = args
    PDInferenceService.parse(minimal)

    minimal["spec"]["engine"]["args"] = []
    minimal["spec"]["decode"]["args"] = args
    with pytest.raises(ValidationError, match=r"must agree on it; give it in spec\.engine\.args"):
        PDInferenceService.parse(minimal)


def test_who_chooses_the_sizes_leaves_them_out_and_knows_the_engine(
    minimal: dict[str, Any],
) -> None:
    minimal["spec"]["parallelism"] = "Auto"
    PDInferenceService.parse(minimal)

    minimal["spec"]["decode"]["tensorParallelSize"] = 2
    with pytest.raises(ValidationError, match="Auto chooses tensorParallelSize of both pools"):
        PDInferenceService.parse(minimal)

    minimal["spec"]["decode"].pop("tensorParallelSize")
    minimal["spec"]["engine"].pop("profile")
    with pytest.raises(ValidationError, match=r"Auto needs engine\.profile"):
        PDInferenceService.parse(minimal)


CHOSEN = {
    "parallelism": {
        "prefillTensorParallelSize": 2,
        "decodeTensorParallelSize": 4,
        "time": "2026-01-01T12:00:00Z",
        "message": "Fewest GPUs.",
    }
}


def test_chosen_sizes_stand_in_for_the_pools_own_with_auto_only(minimal: dict[str, Any]) -> None:
    minimal["status"] = CHOSEN
    assert (
        PDInferenceService.parse(minimal).with_tensor_parallel().spec.decode.tensor_parallel_size
        == 1
    )

    minimal["spec"]["parallelism"] = "Auto"
    spec = PDInferenceService.parse(minimal).with_tensor_parallel().spec
    assert (spec.prefill.tensor_parallel_size, spec.decode.tensor_parallel_size) == (2, 4)
    assert spec.decode.max_replicas == 8


def test_a_budget_below_the_chosen_sizes_is_refused(minimal: dict[str, Any]) -> None:
    minimal["status"] = CHOSEN
    minimal["spec"] |= {"parallelism": "Auto", "autoscaling": {"gpuBudget": 5}}
    with pytest.raises(ValueError, match=r"gpuBudget \(5\) must cover .* \(6\)"):
        PDInferenceService.parse(minimal).with_tensor_parallel()


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hunter2@prometheus:9090",
        "https://hunter2@prometheus",
        "http://prometheus:9090/?token=hunter2",
        "http://prometheus:9090/#hunter2",
    ],
)
def test_a_secret_in_the_address_of_prometheus_is_refused_and_not_repeated(
    minimal: dict[str, Any], url: str
) -> None:
    minimal["spec"]["metrics"]["prometheusUrl"] = url
    with pytest.raises(ValidationError, match="must hold no user, password or query") as refused:
        PDInferenceService.parse(minimal)
    assert "hunter2" not in str(refused.value)


def test_an_address_of_prometheus_may_have_a_port_and_a_path(minimal: dict[str, Any]) -> None:
    url = "https://mimir.example:8443/prometheus/a@b"
    minimal["spec"]["metrics"]["prometheusUrl"] = url
    assert PDInferenceService.parse(minimal).spec.metrics.prometheus_url == url


def test_a_token_for_prometheus_is_sent_encrypted_or_not_at_all(minimal: dict[str, Any]) -> None:
    metrics = minimal["spec"]["metrics"]
    metrics["bearerTokenSecret"] = {"name": "prometheus-token"}
    with pytest.raises(ValidationError, match="needs a prometheusUrl with https"):
        PDInferenceService.parse(minimal)
    metrics["prometheusUrl"] = "https://prometheus:9091"
    wanted = PDInferenceService.parse(minimal).spec.metrics.bearer_token_secret
    assert wanted is not None
    assert (wanted.name, wanted.key) == ("prometheus-token", "token")


def test_a_service_may_leave_its_prometheus_to_the_operator(minimal: dict[str, Any]) -> None:
    del minimal["spec"]["metrics"]
    service = PDInferenceService.parse(minimal)
    assert service.spec.metrics.prometheus_url is None
    given = service.with_prometheus("http://prometheus:9090")
    assert given.spec.metrics.prometheus_url == "http://prometheus:9090"
    assert given.with_prometheus("http://other").spec == given.spec
    assert service.with_prometheus("") == service


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"basicAuthSecret": {"name": "a"}}, "basicAuthSecret needs a prometheusUrl with https"),
        ({"clientCertificateSecret": {"name": "a"}}, "needs a prometheusUrl with https"),
        ({"headers": [{"name": "AUTHORIZATION", "value": "x"}]}, "headers must hold no secret"),
        ({"headers": [{"name": "A", "value": "x"}, {"name": "A", "value": "y"}]}, "must differ"),
        ({"headers": [{"name": "A", "value": "x\ny"}]}, "pattern"),
        ({"queryParameters": [{"name": "query", "value": "up"}]}, "none of those that make"),
    ],
)
def test_what_would_give_a_secret_away_or_change_the_question_is_refused(
    minimal: dict[str, Any], metrics: dict[str, Any], words: str
) -> None:
    minimal["spec"]["metrics"] |= metrics
    with pytest.raises(ValidationError, match=words):
        PDInferenceService.parse(minimal)


def test_a_token_and_a_password_are_not_given_both(minimal: dict[str, Any]) -> None:
    minimal["spec"]["metrics"] = {
        "prometheusUrl": "https://prometheus",
        "bearerTokenSecret": {"name": "a"},
        "basicAuthSecret": {"name": "b"},
    }
    with pytest.raises(ValidationError, match="not both"):
        PDInferenceService.parse(minimal)
