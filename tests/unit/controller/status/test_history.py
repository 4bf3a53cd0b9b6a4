"""Which changes a service's status remembers."""

from dataclasses import replace
from typing import Any

from pd_operator.api.autoscaling import Mode
from pd_operator.api.status import HISTORY_LENGTH, PDInferenceServiceStatus
from pd_operator.controller.status.builder import build_status
from pd_operator.controller.status.tick_result import TickResult

EMPTY = PDInferenceServiceStatus()


def wanting(result: TickResult, *, prefill: int, decode: int) -> TickResult:
    decision = result.decision
    assert decision is not None

    wanted = replace(
        decision,
        prefill=replace(decision.prefill, desired=prefill),
        decode=replace(decision.decode, desired=decode),
        sentence="Load grows.",
    )
    return replace(result, decision=wanted)


def in_mode(result: TickResult, mode: Mode, **changes: Any) -> TickResult:
    spec = result.service.spec
    autoscaling = spec.autoscaling.model_copy(update={"mode": mode})
    service = result.service.model_copy(
        update={"spec": spec.model_copy(update={"autoscaling": autoscaling})}
    )
    return replace(result, service=service, **changes)


def test_a_first_decision_is_no_change(result: TickResult) -> None:
    assert build_status(result, EMPTY).history == ()


def test_a_decision_that_wants_what_was_wanted_is_not_remembered(result: TickResult) -> None:
    before = build_status(result, EMPTY)
    assert build_status(result, before).history == ()


def test_a_change_is_remembered_with_its_reason_sentence_and_decision(result: TickResult) -> None:
    grown = wanting(result, prefill=5, decode=2)
    status = build_status(grown, build_status(result, EMPTY))
    (change,) = status.history
    assert (change.role, change.before, change.after) == ("prefill", 3, 5)
    assert change.message == "Load grows."
    assert change.decision == grown.decision_id
    assert change.time.timestamp() == grown.observation.time_seconds
    assert not change.advised


def test_both_pools_that_change_at_once_are_remembered(result: TickResult) -> None:
    status = build_status(wanting(result, prefill=2, decode=3), build_status(result, EMPTY))
    assert [(c.role, c.after) for c in status.history] == [("prefill", 2), ("decode", 3)]


def test_advice_is_remembered_as_advice(result: TickResult) -> None:
    grown = in_mode(wanting(result, prefill=5, decode=2), Mode.ADVISORY)
    (change,) = build_status(grown, build_status(result, EMPTY)).history
    assert change.advised


def test_a_paused_service_forgets_nothing_and_remembers_nothing_new(result: TickResult) -> None:
    before = build_status(wanting(result, prefill=5, decode=2), build_status(result, EMPTY))
    paused = in_mode(result, Mode.PAUSED, decision=None)
    assert build_status(paused, before).history == before.history


def test_only_the_newest_changes_are_kept(result: TickResult) -> None:
    status = build_status(result, EMPTY)
    for workers in range(4, 8 + HISTORY_LENGTH):
        status = build_status(wanting(result, prefill=workers, decode=2), status)
    assert len(status.history) == HISTORY_LENGTH
    assert status.history[-1].after == 7 + HISTORY_LENGTH


def test_the_history_survives_a_restart_of_the_operator(result: TickResult) -> None:
    status = build_status(wanting(result, prefill=5, decode=2), build_status(result, EMPTY))
    assert PDInferenceServiceStatus.model_validate(status.manifest()).history == status.history


def test_the_address_for_clients_is_in_the_status(result: TickResult) -> None:
    url = build_status(result, EMPTY).url
    name = result.service.metadata.name
    assert url == f"http://{name}.default.svc:30000"
