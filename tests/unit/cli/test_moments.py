"""Times as people type them."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from pd_operator.cli.moments import moment, span

NOW = datetime(2026, 12, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90m", datetime(2026, 12, 1, 4, 0, tzinfo=UTC)),
        ("2d", datetime(2026, 11, 29, 5, 30, tzinfo=UTC)),
        ("4:05", datetime(2026, 12, 1, 4, 5, tzinfo=UTC)),
        ("14:05", datetime(2026, 11, 30, 14, 5, tzinfo=UTC)),
        ("14:05:30", datetime(2026, 11, 30, 14, 5, 30, tzinfo=UTC)),
        ("2026-11-30T14:05", datetime(2026, 11, 30, 14, 5, tzinfo=UTC)),
        ("2026-11-30T14:05:00+02:00", datetime(2026, 11, 30, 12, 5, tzinfo=UTC)),
        ("2026-11-30T14:05:00Z", datetime(2026, 11, 30, 14, 5, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_span_ago_a_time_of_the_last_day_or_a_date(
    text: str, meant: datetime
) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["yesterday", "", "-5m", "25:00", "1e3", "2026-13-01", "0m"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as"):
        moment(text, NOW)


def test_a_moment_to_come_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="still to come"):
        moment("2026-12-02", NOW)


def test_a_span_has_a_number_and_a_unit() -> None:
    assert span("24h") == timedelta(hours=24)
    with pytest.raises(typer.BadParameter):
        span("24")
