"""What `kubectl pd history` and `explain --at` say."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType

from pd_operator.api.status import HISTORY_LENGTH
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.history import explanation_at, history_table

from .services import a_service

POOL = {"current": 4, "desired": 4, "ready": 4, "starting": 0, "draining": 0}


def change(hour: int, role: str, before: int, after: int, **more: Any) -> dict[str, Any]:
    return {
        "time": f"2026-12-01T{hour:02d}:00:00Z",
        "role": role,
        "before": before,
        "after": after,
        "reason": "ForecastLoad",
        "message": f"{role} goes from {before} to {after}: [the load] grows.",
        "decision": f"d{hour}",
        **more,
    }


def told(said: RenderableType) -> str:
    text = StringIO()
    Console(file=text, width=200).print(said)
    return text.getvalue()


def chat(*history: dict[str, Any]) -> PDInferenceService:
    return a_service(history=list(history), prefill=POOL, decode=POOL)


def at(hour: int) -> datetime:
    return datetime(2026, 12, 1, hour, 30, tzinfo=UTC)


def test_each_change_has_a_row_with_what_why_and_its_decision() -> None:
    said = told(history_table(chat(change(7, "prefill", 3, 4), change(9, "decode", 1, 2))))
    assert said.index("3 → 4") < said.index("1 → 2")
    assert "2026-12-01 07:00:00" in said
    assert "prefill goes from 3 to 4: [the load] grows." in said
    assert "d9" in said


def test_advice_is_told_from_what_was_done() -> None:
    assert "3 → 4 (advised)" in told(history_table(chat(change(7, "prefill", 3, 4, advised=True))))


def test_a_service_without_changes_says_so() -> None:
    assert "No change is remembered" in told(history_table(chat()))


def test_a_moment_is_explained_by_the_last_change_before_it() -> None:
    service = chat(change(7, "prefill", 3, 4), change(9, "prefill", 4, 5))
    said = told(explanation_at(service, at(8)))
    assert "prefill: 4 wanted since 2026-12-01 07:00:00, ForecastLoad" in said
    assert "(decision d7)" in said
    assert "decode: 4 wanted, as now" in said


def test_before_the_first_change_what_it_started_from_was_wanted() -> None:
    said = told(explanation_at(chat(change(7, "prefill", 3, 4)), at(6)))
    assert "prefill: 3 wanted, until 2026-12-01 07:00:00" in said


def test_what_the_status_no_longer_remembers_is_said() -> None:
    changes = [change(3, "prefill", 3, 4) for _ in range(HISTORY_LENGTH)]
    assert "operator's log" in told(explanation_at(chat(*changes), at(2)))
    assert "operator's log" not in told(explanation_at(chat(*changes), at(4)))
