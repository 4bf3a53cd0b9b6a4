"""Good and bad services, put to the real API server."""

import copy
import json
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.v1alpha1 import PDInferenceService

pytestmark = pytest.mark.controlplane

MINIMAL: dict[str, Any] = {
    "apiVersion": "serving.pd-operator.io/v1alpha1",
    "kind": "PDInferenceService",
    "metadata": {"name": "chat"},
    "spec": {
        "model": {"path": "org/model"},
        "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
        "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
        "prefill": {"maxReplicas": 8},
        "decode": {"maxReplicas": 8},
        "metrics": {"prometheusUrl": "http://prometheus:9090"},
    },
}

Changes = dict[str, Any]


_SCHEDULES = "spec.autoscaling.schedules"


def schedule(**fields: Any) -> Changes:
    """A service with one schedule, every morning."""
    morning = {"name": "morning", "cron": "30 8 * * MON-FRI", "durationSeconds": 7200}
    return {_SCHEDULES: [morning | fields]}


def attached(**more: Any) -> Changes:
    """A service of workloads that are there already, with further fields by dotted path."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment"}
    return {
        "spec.prefill.scaleTargetRef": target | {"name": "chat-prefill"},
        "spec.decode.scaleTargetRef": target | {"name": "chat-decode"},
        "spec.autoscaling.mode": "Advisory",
        "spec.metrics.routerLabels": {"job": "smg"},
        **{path.replace("_", "."): value for path, value in more.items()},
    }


BAD: dict[str, tuple[Changes, str]] = {
    "one pool attached and the other not": (
        attached(spec_decode_scaleTargetRef=None),
        "spec.decode: Invalid value: both pools must have a scaleTargetRef, or neither",
    ),
    "one workload for both pools": (
        attached(spec_decode_scaleTargetRef=attached()["spec.prefill.scaleTargetRef"]),
        "spec.decode.scaleTargetRef: Invalid value: prefill and decode must have different",
    ),
    "flips of workers of other hands": (
        attached(spec_autoscaling_roleFlips="Enabled"),
        "spec.autoscaling.roleFlips: Invalid value: roleFlips must be Disabled with scaleTargetRef",
    ),
    "sizes to be chosen for workers that have theirs": (
        attached(spec_parallelism="Auto"),
        "spec.parallelism: Invalid value: parallelism must be Manual with scaleTargetRef",
    ),
    "a template for pods of other hands": (
        attached(spec_decode_template={"spec": {}}),
        "spec.prefill.scaleTargetRef: Invalid value: args and template belong to the target",
    ),
    "arguments for engines of other hands": (
        attached(spec_engine_args=["--page-size", "64"]),
        "spec.prefill.scaleTargetRef: Invalid value: args and template belong to the target",
    ),
    "an attached service whose routers nobody can tell": (
        attached(spec_metrics_routerLabels=None),
        "spec.metrics.routerLabels: Invalid value: metrics.routerLabels must be given",
    ),
    "a label that is PromQL": (
        attached(spec_metrics_routerLabels={'job="x"} or up{a': "b"}),
        "spec.metrics.routerLabels: Invalid value: a label's name is letters, digits",
    ),
    "labels that leave the namespace": (
        attached(spec_metrics_prefillLabels={"namespace": "kube-system"}),
        "spec.metrics.prefillLabels: Invalid value: a label's name is letters, digits",
    ),
    "min above max": (
        {"spec.prefill.minReplicas": 9},
        "spec.prefill.minReplicas: Invalid value: minReplicas must not exceed maxReplicas",
    ),
    "no worker at all": (
        {"spec.decode.minReplicas": 0},
        "spec.decode.minReplicas: Invalid value: 0",
    ),
    "budget below the minimum": (
        {"spec.decode.tensorParallelSize": 4, "spec.autoscaling.gpuBudget": 4},
        "spec.autoscaling.gpuBudget: Invalid value: gpuBudget must cover minReplicas",
    ),
    "a rhythm that ends within a bin": (
        {"spec.autoscaling.forecast.seasonSeconds": 3610},
        "spec.autoscaling.forecast.seasonSeconds: Invalid value: seasonSeconds must be a whole",
    ),
    "objective of zero": (
        {"spec.objectives.ttft.milliseconds": 0},
        "spec.objectives.ttft.milliseconds: Invalid value: 0",
    ),
    "objective in fractions": (
        {"spec.objectives.tpot.milliseconds": 17.5},
        "spec.objectives.tpot.milliseconds: Invalid value",
    ),
    "percentile of 100": (
        {"spec.objectives.tpot.percentile": 100},
        "spec.objectives.tpot.percentile: Invalid value: 100",
    ),
    "quantile of 100": (
        {"spec.autoscaling.forecast.quantilePercent": 100},
        "spec.autoscaling.forecast.quantilePercent: Invalid value: 100",
    ),
    "a password in the address of Prometheus": (
        {"spec.metrics.prometheusUrl": "http://me:hunter2@prometheus:9090"},
        "spec.metrics.prometheusUrl: Invalid value: prometheusUrl must hold no user, password",
    ),
    "a token for a Prometheus without encryption": (
        {"spec.metrics.bearerTokenSecret": {"name": "token"}},
        "spec.metrics.bearerTokenSecret: Invalid value: bearerTokenSecret needs a prometheusUrl",
    ),
    "a token in the address of Prometheus": (
        {"spec.metrics.prometheusUrl": "http://prometheus:9090/?token=hunter2"},
        "spec.metrics.prometheusUrl: Invalid value: prometheusUrl must hold no user, password",
    ),
    "a header that holds a secret": (
        {"spec.metrics.headers": [{"name": "Authorization", "value": "Bearer hunter2"}]},
        "spec.metrics.headers: Invalid value: headers must hold no secret",
    ),
    "a parameter that changes the question": (
        {"spec.metrics.queryParameters": [{"name": "query", "value": "up"}]},
        "spec.metrics.queryParameters: Invalid value: queryParameters must hold none",
    ),
    "a password for a Prometheus without encryption": (
        {"spec.metrics.basicAuthSecret": {"name": "login"}},
        "spec.metrics.basicAuthSecret: Invalid value: basicAuthSecret needs a prometheusUrl",
    ),
    "a token and a password": (
        {
            "spec.metrics.prometheusUrl": "https://prometheus",
            "spec.metrics.basicAuthSecret": {"name": "login"},
            "spec.metrics.bearerTokenSecret": {"name": "token"},
        },
        "spec.metrics.basicAuthSecret: Invalid value: give bearerTokenSecret or",
    ),
    "neither profile": (
        {"spec.engine.profile": {}},
        "spec.engine.profile: Invalid value: exactly one of name and configMapRef must be set",
    ),
    "both profiles": (
        {"spec.engine.profile.configMapRef.name": "own"},
        "spec.engine.profile: Invalid value: exactly one of name and configMapRef must be set",
    ),
    "unknown field": (
        {"spec.autoscaling.gpuBudgets": 16},
        'unknown field "spec.autoscaling.gpuBudgets"',
    ),
    "unknown mode": (
        {"spec.autoscaling.mode": "Off"},
        'spec.autoscaling.mode: Unsupported value: "Off": supported values: "Active", "Advisory"',
    ),
    "unknown policy": (
        {"spec.router.decodePolicy": "least_load"},
        'spec.router.decodePolicy: Unsupported value: "least_load"',
    ),
    "a policy that only prefills have": (
        {"spec.router.decodePolicy": "Bucket"},
        'spec.router.decodePolicy: Unsupported value: "Bucket"',
    ),
    "a flag that is ours": (
        {"spec.engine.args": ["--port=31000"]},
        "cannot be given: they are set by the operator",
    ),
    "a flag that is ours, abbreviated": (
        {"spec.decode.args": ["--tp", "8"]},
        "cannot be given: they are set by the operator",
    ),
    "a flag and its value as one argument": (
        {"spec.engine.args": ["--tp 8"]},
        "spec.engine.args: Invalid value: a flag and its value are two arguments",
    ),
    "a flag of the router and its value as one argument": (
        {"spec.router.args": ["--log-level debug"]},
        "spec.router.args: Invalid value: a flag and its value are two arguments",
    ),
    "a page size of one pool alone": (
        {"spec.decode.args": ["--page-size", "64"]},
        "both pools must agree on it; give it in spec.engine.args",
    ),
    "pipeline parallelism": (
        {"spec.engine.args": ["--pp-size", "2"]},
        "a worker is one pod with tensorParallelSize GPUs of one node",
    ),
    "pipeline parallelism by its long name": (
        {"spec.prefill.args": ["--pipeline-parallel-size=2"]},
        "a worker is one pod with tensorParallelSize GPUs of one node",
    ),
    "a worker of two nodes": (
        {"spec.engine.args": ["--nnodes", "2", "--node-rank", "0"]},
        "a worker is one pod with tensorParallelSize GPUs of one node",
    ),
    "data parallelism that takes more GPUs": (
        {"spec.engine.args": ["--dp-size", "2"]},
        "unless --enable-dp-attention stands in the same list",
    ),
    "engines that ask for a key": (
        {"spec.engine.args": ["--api-key", "$(ENGINE_KEY)"]},
        "the operator reads the workers' /v1/loads without a key",
    ),
    "GPUs of no resource that there could be": (
        {"spec.engine.gpuResource": "gpu"},
        "spec.engine.gpuResource: Invalid value",
    ),
    "bins that hold no rate": (
        {"spec.autoscaling.forecast.resolutionSeconds": 20},
        "spec.autoscaling.forecast.resolutionSeconds: Invalid value: resolutionSeconds must be",
    ),
    "a rhythm that runs backwards": (
        {"spec.autoscaling.forecast.seasonSeconds": -1},
        "spec.autoscaling.forecast.seasonSeconds: Invalid value: -1",
    ),
    "a schedule that changes nothing": (
        schedule(),
        "spec.autoscaling.schedules[0]: Invalid value: a schedule needs at least one of",
    ),
    "a schedule above the pool": (
        schedule(minDecodeReplicas=9),
        "spec.autoscaling.schedules: Invalid value: a schedule's minDecodeReplicas must not be",
    ),
    "a schedule whose cron has no five fields": (
        schedule(cron="@daily", factorPercent=150),
        'spec.autoscaling.schedules[0].cron: Invalid value: "@daily"',
    ),
    "a schedule of no time": (
        schedule(durationSeconds=0, factorPercent=150),
        "spec.autoscaling.schedules[0].durationSeconds: Invalid value: 0",
    ),
    "two schedules of one name": (
        {_SCHEDULES: 2 * schedule(factorPercent=150)[_SCHEDULES]},
        'spec.autoscaling.schedules[1]: Duplicate value: {"name":"morning"}',
    ),
    "sizes left to the operator without a profile": (
        {"spec.parallelism": "Auto", "spec.engine.profile": None},
        "spec.parallelism: Invalid value: parallelism Auto needs engine.profile",
    ),
    "sizes left to the operator and given": (
        {"spec.parallelism": "AutoPerRole", "spec.decode.tensorParallelSize": 2},
        "spec.parallelism: Invalid value: parallelism Auto chooses tensorParallelSize",
    ),
    "a load expected in fractions": (
        {"spec.parallelism": "Auto", "spec.expectedLoad.requestsPerSecond": 0.5},
        "spec.expectedLoad.requestsPerSecond: Invalid value",
    ),
    "a GPU that the pod does not have": (
        {"spec.engine.args": ["--gpu-id-step=2"]},
        "spec.engine.args: Invalid value: --base-gpu-id, --gpu-id-step cannot be given",
    ),
    "workers spread by Ray": (
        {"spec.decode.args": ["--use-ray"]},
        "a worker is one pod with tensorParallelSize GPUs",
    ),
    "engines that speak TLS": (
        {"spec.engine.args": ["--ssl-keyfile", "/key", "--ssl-certfile", "/cert"]},
        "speak HTTP without TLS",
    ),
    "two flags as one argument": (
        {"spec.prefill.args": ["--page-size=64 --dp-size=2"]},
        "spec.prefill.args: Invalid value: a flag and its value are two arguments",
    ),
    "a flag behind a blank": (
        {"spec.prefill.args": [" --dp-size=2"]},
        "spec.prefill.args: Invalid value: a flag and its value are two arguments",
    ),
    "ranks of their own beside ranks of attention": (
        {"spec.engine.args": ["--enable-dp-attention", "--dp-size=2", "--attn-dp-size=2"]},
        "spec.prefill: Invalid value: args: --attn-dp-size stands for --enable-dp-attention",
    ),
    "the same in two lists, abbreviated": (
        {
            "spec.engine.args": ["--attention-data", "2"],
            "spec.decode.args": ["--enable-dp-attention", "--dp-size", "2"],
        },
        "spec.decode: Invalid value: args: --attn-dp-size stands for --enable-dp-attention",
    ),
    "a key that keeps the operator from changing roles": (
        {"spec.decode.args": ["--admin-api-key=k"], "spec.autoscaling.roleFlips": "Enabled"},
        "spec.decode: Invalid value: args: --admin-api-key cannot be given with",
    ),
    "an address that is no URL": (
        {"spec.metrics.prometheusUrl": "prometheus:9090"},
        'spec.metrics.prometheusUrl: Invalid value: "prometheus:9090"',
    ),
    "rate limits that allow nothing ever": (
        {"spec.autoscaling.behavior.scaleUp.policies": []},
        "spec.autoscaling.behavior.scaleUp.policies: Invalid value",
    ),
    "a pool larger than any cluster": (
        {"spec.prefill.maxReplicas": 100000},
        "spec.prefill.maxReplicas: Invalid value: 100000",
    ),
    "a name that leaves no room for the children's": (
        {"metadata.name": "n" * 51},
        "metadata.name: Too long",
    ),
    "a name that is no host name": ({"metadata.name": "1chat"}, 'metadata.name: Invalid value: "1'),
}

ONLY_THE_APISERVER_KNOWS = {
    "a name that leaves no room for the children's",
    "a name that is no host name",
}


def changed(changes: Changes) -> dict[str, Any]:
    """The minimal service with some fields set, by dotted path; None removes one."""
    service = copy.deepcopy(MINIMAL)
    for path, value in changes.items():
        *parents, field = path.split(".")
        target = service
        for parent in parents:
            target = target.setdefault(parent, {})
        target.pop(field, None)
        if value is not None:
            target[field] = value
    return service


def create(api: ControlPlane, namespace: str, service: dict[str, Any]) -> dict[str, Any]:
    """What the apiserver makes of a service."""
    said = api.kubectl(
        "create", f"--namespace={namespace}", "--filename=-", "--output=json",
        input_text=json.dumps(service),
    )  # fmt: skip
    stored: dict[str, Any] = json.loads(said)
    return stored


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD.keys())
def test_a_bad_service_is_refused_with_the_name_of_the_field(
    api: ControlPlane, namespace: str, changes: Changes, message: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        create(api, namespace, changed(changes))
    assert message in refusal.value.stderr
    assert "hunter2" not in refusal.value.stderr


@pytest.mark.parametrize("name", sorted(BAD.keys() - ONLY_THE_APISERVER_KNOWS))
def test_what_the_apiserver_refuses_the_models_refuse_too(name: str) -> None:
    changes, _ = BAD[name]
    with pytest.raises(ValidationError):
        PDInferenceService.parse(changed(changes))


def test_a_minimal_service_is_accepted_and_defaulted_as_the_models_default_it(
    api: ControlPlane, namespace: str
) -> None:
    stored = create(api, namespace, MINIMAL)

    assert stored["spec"]["autoscaling"]["mode"] == "Active"
    assert stored["spec"]["prefill"]["minReplicas"] == 1
    assert PDInferenceService.parse(stored).spec == PDInferenceService.parse(MINIMAL).spec


def test_every_default_of_the_models_is_written_by_the_apiserver(
    api: ControlPlane, namespace: str
) -> None:
    stored = create(api, namespace, MINIMAL)["spec"]
    ours = PDInferenceService.parse(MINIMAL).spec
    expected = ours.model_dump(mode="json", by_alias=True, exclude_none=True)
    for pool in ("prefill", "decode", "router"):
        assert expected[pool].pop("template") == {}  # absent there: an overlay has no default
    assert stored == expected


def test_what_is_attached_stays_attached_to_the_same(api: ControlPlane, namespace: str) -> None:
    create(api, namespace, changed(attached()))
    for target in ({"name": "another"}, None):
        patch = json.dumps({"spec": {"decode": {"scaleTargetRef": target}}})
        with pytest.raises(CommandError) as refusal:
            api.kubectl(
                "patch", "pdis", "chat", f"--namespace={namespace}", "--type=merge", "-p", patch
            )
        assert "scaleTargetRef cannot be set, changed or removed later" in refusal.value.stderr


def test_pools_that_the_operator_made_are_not_attached_later(
    api: ControlPlane, namespace: str
) -> None:
    create(api, namespace, MINIMAL)
    with pytest.raises(CommandError) as refusal:
        api.kubectl(
            "apply", f"--namespace={namespace}", "--filename=-",
            input_text=json.dumps(changed(attached())),
        )  # fmt: skip
    assert "scaleTargetRef cannot be set, changed or removed later" in refusal.value.stderr


def test_a_schedule_is_stored_with_its_defaults(api: ControlPlane, namespace: str) -> None:
    stored = create(api, namespace, changed(schedule(minDecodeReplicas=8, factorPercent=150)))
    (morning,) = PDInferenceService.parse(stored).spec.autoscaling.schedules
    assert (morning.time_zone, morning.min_decode_replicas, morning.factor_percent) == (
        "UTC",
        8,
        150,
    )


def test_a_spec_edit_moves_the_generation_and_a_status_does_not(
    api: ControlPlane, namespace: str
) -> None:
    create(api, namespace, MINIMAL)
    patch = json.dumps({"status": {"ratio": "3:2", "observedGeneration": 1}})
    said = api.kubectl(
        "patch", "pdis", "chat", f"--namespace={namespace}", "--subresource=status",
        "--type=merge", f"--patch={patch}", "--output=json",
    )  # fmt: skip
    assert json.loads(said)["metadata"]["generation"] == 1

    patch = json.dumps({"spec": {"prefill": {"maxReplicas": 9}}})
    said = api.kubectl(
        "patch", "pdis", "chat", f"--namespace={namespace}", "--type=merge",
        f"--patch={patch}", "--output=json",
    )  # fmt: skip
    assert json.loads(said)["metadata"]["generation"] == 2


def test_the_template_keeps_what_the_schema_does_not_spell_out(
    api: ControlPlane, namespace: str
) -> None:
    template = {"spec": {"containers": [{"name": "engine", "env": [{"name": "A", "value": "b"}]}]}}
    stored = create(api, namespace, changed({"spec.decode.template": template}))
    assert stored["spec"]["decode"]["template"] == template


def test_a_service_as_yaml_with_a_status_of_ours_is_stored_whole(
    api: ControlPlane, namespace: str
) -> None:
    create(api, namespace, MINIMAL)
    api.kubectl(
        "patch", "pdis", "chat", f"--namespace={namespace}", "--subresource=status",
        "--type=merge", f"--patch={json.dumps({'status': FULL_STATUS})}",
    )  # fmt: skip
    said = api.kubectl("get", "pdis", "chat", f"--namespace={namespace}", "--output=yaml")
    assert yaml.safe_load(said)["status"] == FULL_STATUS


def test_kubectl_get_shows_what_one_wants_to_know_first(api: ControlPlane, namespace: str) -> None:
    create(api, namespace, MINIMAL)
    api.kubectl(
        "patch", "pdis", "chat", f"--namespace={namespace}", "--subresource=status",
        "--type=merge", f"--patch={json.dumps({'status': FULL_STATUS})}",
    )  # fmt: skip
    header, row = api.kubectl("get", "pdis", f"--namespace={namespace}").splitlines()
    assert header.split() == [
        "NAME", "READY", "PREFILL", "DECODE", "RATIO", "FORECAST", "ATTAINMENT", "REASON", "AGE",
    ]  # fmt: skip
    assert row.split()[:-1] == [
        "chat", "True", "3/4", "1/2", "4:2", "58.3/s", "96.2/99.0%", "WorkersFailing",
    ]  # fmt: skip

    wide = api.kubectl("get", "pdis", f"--namespace={namespace}", "--output=wide")
    assert "MODE" in wide
    assert "Bought for 58.3 requests/s." in wide


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("pdis", "prefill and decode in separate pools"),
        ("pdis.spec.objectives.ttft", "time to first token"),
        ("pdis.spec.prefill.terminationGracePeriodSeconds", "between SIGTERM and SIGKILL"),
        ("pdis.spec.autoscaling.mode", "made, shown in status, events and metrics"),
        ("pdis.spec.autoscaling.forecast.quantilePercent", "more head-room and more GPUs"),
        ("pdis.spec.autoscaling.forecast.seasonSeconds", "Absent: a day, and a shorter one"),
        ("pdis.spec.autoscaling.schedules.cron", "half past eight on working days"),
        ("pdis.spec.autoscaling.behavior.scaleDown.policies", "HorizontalPodAutoscaler"),
        ("pdis.spec.engine.profile", "exactly one"),
        ("pdis.spec.decode.scaleTargetRef", "the operator makes nothing and deletes nothing"),
        ("pdis.spec.metrics.routerLabels", "smg_http_requests_total"),
        ("pdis.spec.parallelism", "a running service is never given workers of another size"),
        ("pdis.spec.expectedLoad.promptTokens", "Azure's public conversation trace"),
        ("pdis.status.parallelism", "What parallelism Auto chose"),
        ("pdis.status.lastDecision.links", "chain"),
        ("pdis.status.conditions", "Ready sums up"),
    ],
)
def test_kubectl_explain_teaches(api: ControlPlane, path: str, words: str) -> None:
    # The documentation of a new type is published a moment after the type is served.
    said = " ".join(str(eventually(lambda: api.kubectl("explain", path))).split())
    assert words.lower() in said.lower()


FULL_STATUS: dict[str, Any] = {
    "observedGeneration": 1,
    "prefill": {"current": 3, "desired": 4, "ready": 3, "starting": 0, "draining": 0, "flipped": 0},
    "decode": {"current": 2, "desired": 2, "ready": 1, "starting": 1, "draining": 0, "flipped": 0},
    "ratio": "4:2",
    "url": "http://chat.shop.svc:8000",
    "history": [
        {
            "time": "2026-01-01T12:00:00Z",
            "role": "prefill",
            "before": 3,
            "after": 4,
            "reason": "ForecastPlan",
            "message": "Bought for 58.3 requests/s.",
            "decision": "0123456789ab",
            "advised": False,
        }
    ],
    "display": {
        "prefill": "3/4",
        "decode": "1/2",
        "forecast": "58.3/s",
        "attainment": "96.2/99.0%",
        "reason": "WorkersFailing",
    },
    "lastDecision": {
        "time": "2026-01-01T12:00:00Z",
        "reason": "ForecastPlan",
        "message": "Bought for 58.3 requests/s.",
        "links": [{"name": "bounds", "prefill": 4, "decode": 2, "sentence": "Within bounds."}],
    },
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Serving",
            "message": "3 prefill and 2 decode workers are ready.",
            "lastTransitionTime": "2026-01-01T12:00:00Z",
            "observedGeneration": 1,
        }
    ],
}
