"""What `kubectl pd explain` says of a forecast."""

from io import StringIO
from typing import Any

from rich.console import Console

from pd_operator.cli.explanation import explanation

from .services import a_service

POOL = {
    "horizonSeconds": 230,
    "quantilePercent": 95,
    "milliRequestsPerSecond": 25_000,
    "medianMilliRequestsPerSecond": 20_000,
    "tokensPerSecond": 25_000,
}


def explained(forecast: dict[str, Any], **status: Any) -> str:
    service = a_service(forecast={"model": "Hedge", **forecast}, **status)
    text = StringIO()
    Console(file=text, width=160).print(explanation(service))
    return text.getvalue()


def test_how_often_loads_kept_to_the_quantile_is_said_where_it_is_known() -> None:
    said = explained({"prefill": {**POOL, "coveragePerMille": 948}, "decode": POOL})
    assert "prefill: 20.0 requests/s expected in 230 s, 25.0 at P95, which 94.8 % of" in said
    assert "decode: 20.0 requests/s expected in 230 s, 25.0 at P95\n" in said
    assert "schedules" not in said


def test_schedules_in_force_are_named() -> None:
    said = explained({"prefill": POOL, "decode": POOL, "schedules": ["sale", "mornings"]})
    assert "schedules sale, mornings" in said


def test_a_rhythm_that_was_found_is_told_where_it_is_followed() -> None:
    said = explained({"prefill": {**POOL, "foundSeasonSeconds": 600}, "decode": POOL})
    assert "25.0 at P95; the load has a rhythm of 600 s, found in its history\n" in said
    assert said.count("rhythm") == 1


def test_sizes_that_the_operator_chose_are_told_with_why() -> None:
    chosen = {
        "prefillTensorParallelSize": 2,
        "decodeTensorParallelSize": 4,
        "time": "2026-01-01T12:00:00Z",
        "message": "Fewest GPUs (6) for 20 requests/s.",
    }
    said = explained({"prefill": POOL, "decode": POOL}, parallelism=chosen)
    assert "sizes     prefill TP2, decode TP4, chosen 2026-01-01 12:00 UTC: Fewest GPUs (6)" in said
    assert "sizes" not in explained({"prefill": POOL, "decode": POOL})
