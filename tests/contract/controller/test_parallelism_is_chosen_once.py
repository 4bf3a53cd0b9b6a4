"""The sizes of a service's workers against the real API server: chosen, stored, found again."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.children import build_children
from pd_operator.actuation.cluster import Cluster
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.status.events import EventRecorder
from pd_operator.controller.status.metrics import OperatorMetrics
from pd_operator.controller.status.writer import StatusWriter
from pd_operator.controller.tick.parallelism import ParallelismChooser, UndecidedError

pytestmark = pytest.mark.controlplane

CRDS = Path(__file__).parents[3] / "crds"
STRICT, LAX = 12, 100  # milliseconds per token: a step of TP4 takes longer than the first


class Service:
    """A service that leaves its sizes to the operator, and the operators that come and go."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self._api = control_plane
        self._namespace = namespace
        self._cluster = Cluster(control_plane.admin)

    def kubectl(self, *arguments: str, input_text: str | None = None) -> str:
        return self._api.kubectl(
            *arguments, f"--namespace={self._namespace}", input_text=input_text
        )

    def apply(self, tpot: int = STRICT, **spec: Any) -> None:
        body = {
            "apiVersion": "serving.pd-operator.io/v1alpha1",
            "kind": "PDInferenceService",
            "metadata": {"name": "chat"},
            "spec": {
                "model": {"path": "org/model"},
                "engine": {"profile": {"configMapRef": {"name": "mine"}}},
                "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": tpot}},
                "prefill": {"maxReplicas": 8},
                "decode": {"maxReplicas": 8},
                "parallelism": "AutoPerRole",
                "expectedLoad": {"requestsPerSecond": 5},
                "metrics": {"prometheusUrl": "http://prometheus:9090"},
            }
            | spec,
        }
        self.kubectl("apply", "--filename=-", input_text=json.dumps(body))

    def give_profile(self) -> None:
        profile = files("pd_operator.performance") / "profiles" / "llama-3.1-70b-h100.json"
        self.kubectl("create", "configmap", "mine", f"--from-file=profile.json={profile}")

    def stored(self) -> PDInferenceService:
        said = self.kubectl("get", "pdis", "chat", "--output=json")
        return PDInferenceService.parse(json.loads(said))

    def operator(self) -> ParallelismChooser:
        """What a new operator process makes for this service."""
        events = EventRecorder(self._cluster)
        key = self.stored().key
        teller = StatusWriter(key, self._cluster, events, OperatorMetrics())
        return ParallelismChooser(key, self._cluster, events, teller)

    def create_pools(self, sized: PDInferenceService, *names: str) -> None:
        for child in build_children(sized, operator_image="operator"):
            if child["kind"] == "Deployment" and child["metadata"]["name"] in names:
                self.kubectl("apply", "--filename=-", input_text=json.dumps(child))

    def chosen_events(self) -> list[str]:
        found = json.loads(self.kubectl("get", "events", "--output=json"))["items"]
        return [one["message"] for one in found if one["reason"] == "ParallelismChosen"]


def sizes(service: PDInferenceService) -> tuple[int, int]:
    return service.spec.prefill.tensor_parallel_size, service.spec.decode.tensor_parallel_size


def as_status(service: PDInferenceService) -> tuple[int, int] | None:
    chosen = service.status.parallelism
    if chosen is None:
        return None
    return chosen.prefill_tensor_parallel_size, chosen.decode_tensor_parallel_size


@pytest.fixture
def chat(control_plane: ControlPlane, namespace: str) -> Service:
    control_plane.serve_crds(CRDS)
    service = Service(control_plane, namespace)
    service.apply()
    return service


async def test_the_choice_waits_for_the_profile_is_stored_and_outlives_operator_and_spec(
    chat: Service,
) -> None:
    operator = chat.operator()
    with pytest.raises(UndecidedError, match="'mine' does not exist"):
        await operator.resolve(chat.stored())
    assert chat.stored().status.parallelism is None

    chat.give_profile()
    assert sizes(await operator.resolve(chat.stored())) == (4, 8)
    assert as_status(chat.stored()) == (4, 8), "stored before there is any pool"
    (told,) = chat.chosen_events()
    assert told.startswith("Workers have TP4 for prefill and TP8 for decode. Fewest GPUs")

    chat.apply(tpot=LAX)
    assert sizes(await operator.resolve(chat.stored())) == (4, 8)
    assert sizes(await chat.operator().resolve(chat.stored())) == (4, 8)
    assert len(chat.chosen_events()) == 1


async def test_an_object_read_before_the_choice_was_stored_changes_nothing(chat: Service) -> None:
    chat.give_profile()
    operator, early = chat.operator(), chat.stored()
    first = await operator.resolve(early)
    again = await operator.resolve(early)
    assert again.status.parallelism == first.status.parallelism
    assert len(chat.chosen_events()) == 1


async def test_pools_that_are_there_keep_their_sizes_whatever_would_be_chosen_now(
    chat: Service,
) -> None:
    chat.give_profile()
    stored = chat.stored()
    by_hand = stored.model_copy(update={"spec": stored.spec.with_tensor_parallel(4, 8)})
    chat.create_pools(by_hand, "chat-prefill", "chat-decode")
    chat.kubectl("delete", "configmap", "mine")
    chat.apply(tpot=LAX)

    assert sizes(await chat.operator().resolve(chat.stored())) == (4, 8)
    assert "Deployments had them already" in chat.chosen_events()[0]


async def test_one_pool_that_is_there_leaves_the_other_to_be_chosen(chat: Service) -> None:
    chat.give_profile()
    chat.apply(tpot=LAX)
    stored = chat.stored()
    by_hand = stored.model_copy(update={"spec": stored.spec.with_tensor_parallel(8, 8)})
    chat.create_pools(by_hand, "chat-prefill")
    assert sizes(await chat.operator().resolve(chat.stored())) == (8, 4)


async def test_another_service_of_the_same_name_is_chosen_for_anew(chat: Service) -> None:
    chat.give_profile()
    operator = chat.operator()
    strict = await operator.resolve(chat.stored())
    chat.create_pools(strict, "chat-prefill", "chat-decode")
    chat.kubectl("delete", "pdis", "chat", "--cascade=orphan")

    chat.apply(tpot=LAX)
    orphans = json.loads(chat.kubectl("get", "deployments", "--output=json"))["items"]
    assert len(orphans) == 2
    assert sizes(await operator.resolve(chat.stored())) == (4, 4)


async def test_manual_takes_over_and_leaves_nothing_behind(chat: Service) -> None:
    chat.give_profile()
    operator = chat.operator()
    await operator.resolve(chat.stored())
    pool = {"maxReplicas": 8, "tensorParallelSize": 4}
    chat.apply(parallelism="Manual", prefill=pool, decode=pool)

    by_hand = await operator.resolve(chat.stored())
    assert sizes(by_hand) == (4, 4)
    assert by_hand.status.parallelism is None


async def test_a_budget_that_was_lowered_below_the_chosen_sizes_is_refused(chat: Service) -> None:
    chat.give_profile()
    operator = chat.operator()
    await operator.resolve(chat.stored())
    chat.apply(autoscaling={"gpuBudget": 11})
    with pytest.raises(ValueError, match=r"gpuBudget \(11\) must cover .* \(12\)"):
        await operator.resolve(chat.stored())
