"""What the real API server makes of services: defaults, columns, what may change later."""

import json
from typing import Any

import pytest
import yaml
from tests.contract.api.services import (
    MINIMAL,
    attached,
    changed,
    create,
    schedule,
)

from pd_e2e.cluster.commands import CommandError
from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually
from pd_operator.api.v1alpha1 import PDInferenceService

pytestmark = pytest.mark.controlplane


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
