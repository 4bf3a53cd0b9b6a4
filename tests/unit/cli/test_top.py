"""What `kubectl pd top` shows of a service."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from pd_operator.cli.top.command import screen
from pd_operator.cli.top.view import PoolView
from pd_operator.cli.top.widgets import rate, sparkline, worker_bar
from pd_operator.cli.watching import show

from .services import a_service

NOW = datetime(2026, 12, 1, 7, 0, 42, tzinfo=UTC)
FORECAST = {
    "horizonSeconds": 230,
    "quantilePercent": 95,
    "milliRequestsPerSecond": 25_000,
    "medianMilliRequestsPerSecond": 20_000,
    "tokensPerSecond": 64_000,
}
STATUS: dict[str, Any] = {
    "prefill": {"current": 5, "desired": 5, "ready": 3, "starting": 2, "draining": 0},
    "decode": {"current": 2, "desired": 2, "ready": 3, "starting": 0, "draining": 1},
    "demand": {
        "milliRequestsPerSecond": 18_400,
        "promptTokensPerSecond": 20_000,
        "outputTokensPerSecond": 2_000,
        "meanPromptTokens": 1_000,
        "meanOutputTokens": 100,
    },
    "forecast": {"model": "Hedge", "prefill": FORECAST, "decode": FORECAST},
    "attainment": {
        "ttftPerMille": 972,
        "tpotPerMille": 880,
        "jointLowPerMille": 852,
        "jointHighPerMille": 880,
        "requests": 1200,
    },
    "lastDecision": {
        "time": "2026-12-01T07:00:30Z",
        "reason": "ForecastLoad",
        "message": "Prefill goes from 3 to 5: [the load] grows.",
    },
    "history": [
        {
            "time": "2026-12-01T07:00:30Z",
            "role": "prefill",
            "before": 3,
            "after": 5,
            "reason": "ForecastLoad",
            "message": "Prefill goes from 3 to 5.",
            "decision": "5f0c9a1be27d",
        }
    ],
    "conditions": [
        {
            "type": "MetricsAvailable",
            "status": "False",
            "reason": "MetricsStale",
            "message": "The newest sample is 90 s old.",
            "lastTransitionTime": "2026-12-01T07:00:00Z",
            "observedGeneration": 1,
        }
    ],
}


def drawn(what: RenderableType, width: int = 120) -> str:
    file = StringIO()
    Console(width=width, file=file).print(what)
    return file.getvalue()


def test_load_forecast_workers_attainment_words_changes_and_faults_are_shown() -> None:
    text = drawn(screen(a_service(**STATUS), [10.0, 20.0, 30.0], NOW))
    for words in (
        "team/chat",
        "MetricsStale",
        "mode Active",
        "decided 12 s ago",
        "18 requests/s",
        "in 230 s 20 requests/s  (up to 25)",
        "3 ready, 5 wanted  for 64,000 tokens/s",
        "TTFT < 800 ms",
        "97.2% ✓ of the last 1,200 requests   goal 90%",
        "88.0% ✗",
        "Prefill goes from 3 to 5: [the load] grows.",
        "prefill 3 → 5  ForecastLoad",
        "MetricsAvailable The newest sample is 90 s old.",
    ):
        assert words in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_service_of_which_nothing_is_known_yet_says_so_at_any_width(width: int) -> None:
    text = drawn(screen(a_service(), [], NOW), width)
    assert "none yet" in text
    assert "unknown" in text


def test_a_prometheus_out_of_reach_is_said_with_what_to_do() -> None:
    text = drawn(screen(a_service(), [], NOW, "http://prometheus:9090 does not answer. Do this."))
    assert "No load of the past: http://prometheus:9090 does not answer. Do this." in text


def test_what_the_spec_chose_is_no_fault() -> None:
    advisory = {
        "type": "Scaling",
        "status": "False",
        "reason": "Advisory",
        "message": "spec.autoscaling.mode is Advisory, so this is not done: nothing",
        "lastTransitionTime": "2026-12-01T07:00:00Z",
        "observedGeneration": 1,
    }
    text = drawn(screen(a_service(conditions=[advisory]), [], NOW))
    assert "as it should be" in text
    assert "so this is not done" not in text


def test_a_worker_is_drawn_ready_starting_leaving_or_absent() -> None:
    starting = PoolView(desired=5, ready=3, most=8)
    leaving = PoolView(desired=2, ready=3, most=8)
    assert worker_bar(starting, "blue").plain == "■ ■ ■ ▨ ▨ · · · "
    assert worker_bar(leaving, "blue").plain == "■ ■ ◧ · · · · · "


def test_a_sparkline_squeezes_many_values_and_keeps_few() -> None:
    assert sparkline([0.0, 1.0, 2.0], width=10) == "▁▅█"
    assert len(sparkline([1.0] * 1000, width=48)) == 48
    assert sparkline([], width=10) == ""
    assert sparkline([0.0, 0.0], width=10) == "▁▁"


def test_a_low_rate_has_a_digit_more() -> None:
    assert (rate(0.04), rate(2.34), rate(18.4)) == ("0.0", "2.3", "18")


def test_watching_looks_again_until_it_is_stopped() -> None:
    looks = iter(["first", "second"])

    def look() -> str:
        try:
            return next(looks)
        except StopIteration:
            raise KeyboardInterrupt from None

    file = StringIO()
    show(look, Console(file=file), watch=True, period_seconds=0.0)
    assert file.getvalue().split() == ["first", "second"]
