from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_operator.actuation.children import Manifest, build_children, build_pod_monitor
from pd_operator.actuation.children.engine_arguments import TPOT_EDGES, TTFT_EDGES, edges_with
from pd_operator.actuation.children.router_arguments import smg_policy
from pd_operator.api.objectives import Objective
from pd_operator.api.roles import Role
from pd_operator.api.router import DecodePolicy, PrefillPolicy
from pd_operator.api.v1alpha1 import PDInferenceService

Parse = Callable[..., PDInferenceService]
GOLDEN = Path(__file__).parent / "golden" / "children.yaml"
IMAGE = "pd-operator/operator"


def child(service: PDInferenceService, kind: str, name: str, **options: Any) -> Manifest:
    [found] = [
        manifest
        for manifest in build_children(service, operator_image=IMAGE, **options)
        if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)
    ]
    return found


def pod_spec(service: PDInferenceService, name: str) -> Manifest:
    spec: Manifest = child(service, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def container(service: PDInferenceService, name: str, container_name: str) -> Manifest:
    [found] = [c for c in pod_spec(service, name)["containers"] if c["name"] == container_name]
    return dict(found)


def value_after(arguments: list[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


def test_all_children_are_as_recorded(service: Parse) -> None:
    built = [*build_children(service(), operator_image=IMAGE), build_pod_monitor(service())]
    recorded = yaml.safe_load_all(GOLDEN.read_text(encoding="utf-8"))
    assert {(m["kind"], m["metadata"]["name"]): m for m in recorded} == {
        (m["kind"], m["metadata"]["name"]): m for m in built
    }, "intended? then record it anew: see scripts/render_children.py"


def test_every_child_goes_with_its_service_and_is_found_by_its_labels(service: Parse) -> None:
    for manifest in build_children(service(), operator_image=IMAGE):
        [owner] = manifest["metadata"]["ownerReferences"]
        assert owner["uid"] == service().metadata.uid
        assert owner["controller"] is True
        assert manifest["metadata"]["namespace"] == "serving"
        assert manifest["metadata"]["labels"]["serving.pd-operator.io/service"] == "chat"
        assert manifest["metadata"]["labels"]["app.kubernetes.io/part-of"] == "pd-operator"


def test_names_and_labels_of_the_longest_service_fit(service: Parse) -> None:
    long = service()
    metadata = long.metadata.model_copy(update={"name": "n" * 50})
    for manifest in build_children(
        long.model_copy(update={"metadata": metadata}), operator_image=IMAGE
    ):
        assert len(manifest["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in manifest["metadata"]["labels"].values())


def test_replicas_of_a_pool_are_left_to_the_scale_subresource(service: Parse) -> None:
    assert "replicas" not in child(service(), "Deployment", "chat-prefill")["spec"]
    assert child(service(), "Deployment", "chat-router")["spec"]["replicas"] == 1


def test_replicas_can_be_applied_by_a_caller_who_always_does(service: Parse) -> None:
    sizes = {Role.PREFILL: 3, Role.DECODE: 2}
    prefill = child(service(), "Deployment", "chat-prefill", replicas=sizes)
    assert prefill["spec"]["replicas"] == 3


def test_a_pods_home_does_not_depend_on_the_role_it_has_now(service: Parse) -> None:
    deployment = child(service(), "Deployment", "chat-prefill")["spec"]
    assert "serving.pd-operator.io/role" not in deployment["selector"]["matchLabels"]
    assert deployment["template"]["metadata"]["labels"]["serving.pd-operator.io/role"] == "prefill"


def test_a_rollout_never_has_fewer_workers_than_asked_for(service: Parse) -> None:
    for name in ("chat-prefill", "chat-decode", "chat-router"):
        strategy = child(service(), "Deployment", name)["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_rollout_takes_an_old_worker_away_first_where_it_was_told_to_or_finds_no_room(
    service: Parse,
) -> None:
    def unavailable(strategy: str, *making_room: Role) -> int:
        spec = {"rolloutStrategy": strategy}
        children = build_children(
            service(prefill=spec), operator_image="pd-operator", making_room=making_room
        )
        (pool,) = [
            c
            for c in children
            if c["metadata"]["name"] == "chat-prefill" and c["kind"] == "Deployment"
        ]
        rolling: dict[str, int] = pool["spec"]["strategy"]["rollingUpdate"]
        assert rolling["maxSurge"] == 1 - rolling["maxUnavailable"]
        return rolling["maxUnavailable"]

    assert (unavailable("Auto"), unavailable("Surge"), unavailable("Replace")) == (0, 0, 1)
    assert unavailable("Auto", Role.PREFILL) == 1
    assert unavailable("Auto", Role.DECODE) == 0
    assert unavailable("Surge", Role.PREFILL) == 0


def test_a_worker_leaves_the_routers_table_before_it_is_told_to_stop(service: Parse) -> None:
    engine = container(service(), "chat-decode", "engine")
    assert engine["lifecycle"]["preStop"]["sleep"]["seconds"] == 5
    assert pod_spec(service(), "chat-decode")["terminationGracePeriodSeconds"] == 600


def test_a_busy_worker_is_not_killed_by_its_liveness_probe(service: Parse) -> None:
    liveness = container(service(), "chat-prefill", "engine")["livenessProbe"]
    # A token takes up to 20 s under load.
    assert liveness["httpGet"]["path"] == "/health_generate"
    assert liveness["timeoutSeconds"] > 20


def test_the_question_that_routers_ask_twice_is_answered_at_once(service: Parse) -> None:
    (quick,) = [
        one["value"]
        for one in container(service(), "chat-decode", "engine")["env"]
        if one["name"] == "SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION"
    ]
    assert quick == "0"


@pytest.mark.parametrize(("expected_startup", "budget"), [(30, 1800), (1800, 7200)])
def test_a_slow_start_is_not_a_failed_one(
    service: Parse, expected_startup: int, budget: int
) -> None:
    slow = service(prefill={"expectedStartupSeconds": expected_startup})
    startup = container(slow, "chat-prefill", "engine")["startupProbe"]
    deadline = child(slow, "Deployment", "chat-prefill")["spec"]["progressDeadlineSeconds"]
    assert startup["failureThreshold"] * startup["periodSeconds"] == budget
    assert deadline > budget


def test_a_worker_asks_for_as_many_gpus_as_it_shards_over(service: Parse) -> None:
    engine = container(service(), "chat-prefill", "engine")
    assert engine["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert value_after(engine["args"], "--tp-size") == "4"


def test_gpus_of_another_vendor_are_asked_for_by_their_resource(service: Parse) -> None:
    amd = service(engine={"image": "sglang", "gpuResource": "amd.com/gpu"})
    assert container(amd, "chat-decode", "engine")["resources"] == {"limits": {"amd.com/gpu": "4"}}


def test_a_worker_whose_gpus_come_by_claims_asks_for_no_resource(service: Parse) -> None:
    claimed = service(engine={"image": "sglang", "gpuResource": ""})
    assert container(claimed, "chat-decode", "engine")["resources"] == {"limits": {}}


def test_arguments_of_the_user_come_last_the_pools_after_the_engines(service: Parse) -> None:
    engine = container(service(), "chat-prefill", "engine")
    assert engine["args"][-4:] == ["--page-size", "64", "--chunked-prefill-size", "4096"]


def test_of_every_container_the_end_is_told_unless_a_template_says_otherwise(
    service: Parse,
) -> None:
    for name in ("chat-prefill", "chat-decode", "chat-router"):
        for container in pod_spec(service(), name)["containers"]:
            assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    theirs = {"name": "engine", "terminationMessagePolicy": "File"}
    own = service(decode={"template": {"spec": {"containers": [theirs]}}})
    (engine,) = pod_spec(own, "chat-decode")["containers"]
    assert engine["terminationMessagePolicy"] == "File"


def test_an_engine_is_not_process_1_of_its_container_so_that_its_crash_is_none_of_code_0(
    service: Parse,
) -> None:
    assert pod_spec(service(), "chat-decode")["shareProcessNamespace"] is True
    of_host = service(decode={"template": {"spec": {"hostPID": True}}})
    assert "shareProcessNamespace" not in pod_spec(of_host, "chat-decode")
    own = service(decode={"template": {"spec": {"shareProcessNamespace": False}}})
    assert pod_spec(own, "chat-decode")["shareProcessNamespace"] is False


def test_the_users_template_is_merged_but_cannot_hide_a_pod_from_us(service: Parse) -> None:
    own = service(
        decode={
            "template": {
                "metadata": {"labels": {"serving.pd-operator.io/service": "x", "team": "search"}},
                "spec": {"containers": [{"name": "engine", "imagePullPolicy": "Always"}]},
            }
        }
    )
    template = child(own, "Deployment", "chat-decode")["spec"]["template"]
    assert template["metadata"]["labels"]["serving.pd-operator.io/service"] == "chat"
    assert template["metadata"]["labels"]["team"] == "search"
    assert template["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert template["spec"]["containers"][0]["command"] == ["sglang", "serve"]


def test_the_objective_is_an_edge_of_the_histogram() -> None:
    edges = edges_with(Objective(milliseconds=750), TTFT_EDGES)
    assert edges[3:6] == ("0.6", "0.75", "0.8")
    assert len(edges) == len(TTFT_EDGES) + 1


def test_an_objective_that_is_an_edge_already_is_not_doubled() -> None:
    edges = edges_with(Objective(milliseconds=40), TPOT_EDGES)
    assert len(edges) == len(TPOT_EDGES)
    assert [float(edge) for edge in edges] == sorted({float(edge) for edge in edges})


def test_a_router_outlives_the_longest_stream_that_a_worker_may_finish(service: Parse) -> None:
    router = service(decode={"terminationGracePeriodSeconds": 3600})
    arguments = container(router, "chat-router", "router")["args"]
    grace = int(value_after(arguments, "--shutdown-grace-period-secs"))
    assert grace == 3600
    assert int(value_after(arguments, "--request-timeout-secs")) >= grace
    assert pod_spec(router, "chat-router")["terminationGracePeriodSeconds"] > grace + 5


def test_router_and_sidecar_share_the_table_and_only_the_sidecar_writes_it(service: Parse) -> None:
    router = container(service(), "chat-router", "router")
    sidecar = container(service(), "chat-router", "worker-table")
    table = value_after(router["args"], "--discovery-file")
    assert value_after(sidecar["args"], "--output") == table
    [read] = router["volumeMounts"]
    [write] = sidecar["volumeMounts"]
    assert read["name"] == write["name"]
    assert table.startswith(read["mountPath"])
    assert read["readOnly"]
    assert "readOnly" not in write


def test_the_sidecar_may_read_pods_and_nothing_else(service: Parse) -> None:
    assert child(service(), "Role", "chat-router")["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]


@pytest.mark.parametrize(
    ("policy", "flag"),
    [
        (PrefillPolicy.LEAST_LOAD, "least_load"),
        (PrefillPolicy.POWER_OF_TWO, "power_of_two"),
        (PrefillPolicy.BUCKET, "bucket"),
        (DecodePolicy.CONSISTENT_HASHING, "consistent_hashing"),
    ],
)
def test_policies_are_passed_in_smgs_spelling(policy: str, flag: str) -> None:
    assert smg_policy(policy) == flag


def test_an_eviction_takes_one_pod_at_a_time_whatever_the_pools_size(service: Parse) -> None:
    budget = child(service(), "PodDisruptionBudget", "chat-decode")["spec"]
    assert budget["maxUnavailable"] == 1
    selected = budget["selector"]["matchLabels"]
    labels = child(service(), "Deployment", "chat-decode")["spec"]["template"]["metadata"]["labels"]
    assert selected.items() <= labels.items()


def test_the_clients_service_leads_to_routers_only(service: Parse) -> None:
    selector = child(service(), "Service", "chat")["spec"]["selector"]
    for name, matches in (("chat-router", True), ("chat-prefill", False)):
        labels = child(service(), "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert (selector.items() <= labels.items()) is matches


def test_scraped_series_get_the_labels_that_the_queries_ask_for(service: Parse) -> None:
    monitor = build_pod_monitor(service(metrics={"scrapeIntervalSeconds": 5}))
    for endpoint in monitor["spec"]["podMetricsEndpoints"]:
        targets = [r["targetLabel"] for r in endpoint["relabelings"] if "targetLabel" in r]
        assert targets == ["pd_service", "pd_role"]
        assert endpoint["interval"] == "5s"


def test_the_administrators_labels_are_on_the_monitor_and_hide_none_of_ours(
    service: Parse,
) -> None:
    theirs = {"release": "prometheus", "serving.pd-operator.io/service": "other"}
    labels = build_pod_monitor(service(), theirs)["metadata"]["labels"]
    assert labels["release"] == "prometheus"
    assert labels["serving.pd-operator.io/service"] == "chat"


def test_nothing_depends_on_anything_but_the_service(service: Parse) -> None:
    assert build_children(service(), operator_image=IMAGE) == build_children(
        service(), operator_image=IMAGE
    )
