"""Bad services: refused by the real API server with the field's name, and by the models alike."""

import pytest
from pydantic import ValidationError
from tests.contract.api.services import SCHEDULES, Changes, attached, changed, create, schedule

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.api.v1alpha1 import PDInferenceService

pytestmark = pytest.mark.controlplane

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
        {SCHEDULES: 2 * schedule(factorPercent=150)[SCHEDULES]},
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
