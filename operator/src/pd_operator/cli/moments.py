"""Spans and moments as people type them: `90m`, `24h`, `2026-12-01T14:05`, `14:05`."""

import re
from datetime import UTC, datetime, timedelta

import typer

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d+)([smhd])")


def span(text: str) -> timedelta:
    """`30s`, `90m`, `24h` or `7d`; `typer.BadParameter` for anything else, and for none."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or int(found[1]) == 0 or len(found[1]) > 6:
        raise typer.BadParameter(f"{text!r} is no span of time such as 90m, 24h or 7d")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def moment(text: str, now: datetime) -> datetime:
    """A span ago, a time of today or of yesterday, or a date and time; UTC where no zone is named.

    `typer.BadParameter` for anything else, and for what is still to come.
    """
    try:
        then = _moment(text.strip(), now)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is no time such as 90m (ago), 14:05 or 2026-12-01T14:05, in UTC"
        ) from error
    if then > now:
        raise typer.BadParameter(f"{text!r} is still to come: it is {now:%Y-%m-%d %H:%M} UTC")
    return then


def _moment(text: str, now: datetime) -> datetime:
    if _SPAN.fullmatch(text):
        return now - span(text)
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
        hour, minute, second = (*map(int, text.split(":")), 0)[:3]
        today = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
        return today if today <= now else today - timedelta(days=1)
    then = datetime.fromisoformat(text)
    return then.replace(tzinfo=UTC) if then.tzinfo is None else then.astimezone(UTC)
