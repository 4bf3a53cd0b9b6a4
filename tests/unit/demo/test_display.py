"""What the demo shows: states in, text out."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from pd_e2e.demo.display import (
    DisplayState,
    ReplayView,
    Screen,
    Stage,
    StageState,
)
from pd_e2e.demo.display.panels import render
from pd_e2e.demo.display.widgets import minutes
from pd_operator.cli.top.view import Attained, ForecastView, PoolView, ServiceView

STAGES = (
    Stage("build", StageState.DONE, seconds=12, note="cached"),
    Stage("chart", StageState.RUNNING, seconds=8, share=0.4, note="waiting for the operator"),
    Stage("replay", StageState.WAITING),
)
SERVICE = ServiceView(
    offered=[10.0, 20.0, 30.0],
    offered_now=30.0,
    forecast=ForecastView(41.0, 29.0, 34.0, 25.0),
    prefill=PoolView(desired=5, ready=3, most=8, tokens_per_second=64_000.0),
    decode=PoolView(desired=2, ready=3, most=8),
    attained=(
        Attained("TTFT 800 ms", 0.9, ((0.972, "last 30 s"), (0.981, "so far"))),
        Attained("TPOT 17 ms", 0.9, ((0.88, "last 30 s"), (0.93, "so far"))),
    ),
    decision="prefill 3 to 5: the forecast needs them",
)
REPLAY = ReplayView(
    clock="day 3, 14:20",
    seconds_left=432.2,
    share=0.4,
    service=SERVICE,
    requests_offered=8123,
    requests_failed=0,
)
UNKNOWN = replace(
    REPLAY,
    service=replace(
        SERVICE,
        offered=[],
        forecast=None,
        attained=(Attained("TTFT 800 ms", 0.9, ((None, "last 30 s"), (None, "so far"))),),
        decision="",
    ),
)


def drawn(state: DisplayState, width: int = 110) -> str:
    file = StringIO()
    Console(width=width, file=file, force_terminal=False).print(render(state))
    return file.getvalue()


def said(*states: tuple[DisplayState, float]) -> list[str]:
    file = StringIO()
    with Screen(Console(file=file, force_terminal=False), plain_period_seconds=15) as screen:
        for state, now in states:
            screen.show(state, now)
    return file.getvalue().splitlines()


def test_stages_show_how_far_they_are() -> None:
    text = drawn(DisplayState(STAGES))
    assert "✓" in text
    assert "waiting for the operator" in text
    assert "replay" in text


def test_the_replay_shows_load_forecast_workers_attainment_and_decision() -> None:
    text = drawn(DisplayState(STAGES, REPLAY))
    for words in (
        "day 3, 14:20",
        "7:13 left",
        "30 requests/s",
        "29 requests/s",
        "(25 to 34)",
        "3 ready, 5 wanted",
        "for 64,000 tokens/s",
        "97.2% ✓ last 30 s",
        "88.0% ✗ last 30 s",
        "goal 90%",
        "8,123 offered, 0 failed",
        "prefill 3 to 5: the forecast needs them",
    ):
        assert words in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_what_is_not_known_yet_is_said_at_any_width(width: int) -> None:
    text = drawn(DisplayState(STAGES, UNKNOWN), width)
    assert "none yet" in text


def test_time_left_is_never_negative() -> None:
    assert (minutes(432.2), minutes(5.0), minutes(-3.0)) == ("7:13", "0:05", "0:00")


def test_without_a_terminal_a_stage_has_a_line_when_it_begins_and_when_it_ends() -> None:
    done = (STAGES[0], replace(STAGES[1], state=StageState.DONE, seconds=9), STAGES[2])
    lines = said(
        (DisplayState(STAGES[:1]), 0.0),
        (DisplayState(STAGES), 1.0),
        (DisplayState(STAGES), 2.0),
        (DisplayState(done), 3.0),
    )
    assert lines == [
        "build done, 12 s: cached",
        "chart running 40%, 8 s: waiting for the operator",
        "chart done, 9 s: waiting for the operator",
    ]


def test_without_a_terminal_the_replay_has_a_line_every_fifteen_seconds() -> None:
    state = DisplayState(STAGES, REPLAY)
    lines = said(*((state, float(second)) for second in range(46)))
    replay = [line for line in lines if line.startswith("day 3, 14:20")]
    assert len(replay) == 3
    assert "prefill 3/5, decode 3/2" in replay[0]
    assert "TTFT 800 ms 98.1%" in replay[0]


def test_on_a_terminal_the_last_state_stays_on_the_screen() -> None:
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=110)
    with Screen(console) as screen:
        screen.show(DisplayState(STAGES), 0.0)
        screen.show(DisplayState(STAGES, REPLAY), 1.0)
    assert "day 3, 14:20" in file.getvalue()
