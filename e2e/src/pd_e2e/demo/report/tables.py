"""The report's tables: the decisions in words, and all figures."""

from collections.abc import Iterable
from html import escape

from pd_e2e.demo.run import Run
from pd_e2e.demo.scale_events import ScaleEvent, Timeliness
from pd_e2e.demo.summary import Summary
from pd_e2e.demo.timeline import TimelineSample


def decision_table(run: Run) -> str:
    """One row per change of the wanted workers, with the operator's own sentence."""
    rows = [
        [
            ("time", run.load.clock(event.seconds).rpartition(" ")[2]),
            ("change", _change(event)),
            ("", escape(_sentence(run, event))),
            ("", _timeliness(event)),
        ]
        for event in run.events
    ]
    return _table(["Clock", "Change", "Why, in the operator's words", "And then"], rows)


def figure_table(summary: Summary) -> str:
    """Every figure of `summary.json` by its name there."""
    rows = [
        [("", f"<code>{escape(name)}</code>"), ("number", escape(_text(value)))]
        for name, value in summary.figures().items()
    ]
    return f'<div class="narrow">{_table(["Figure", "Value"], rows)}</div>'


def _table(heads: list[str], rows: Iterable[list[tuple[str, str]]]) -> str:
    head = "".join(f'<th class="{name.lower()}">{name}</th>' for name in heads)
    body = "\n".join(
        "<tr>" + "".join(f'<td class="{kind}">{text}</td>' for kind, text in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _change(event: ScaleEvent) -> str:
    return f'<span class="{event.role}">{event.role} {event.before} → {event.after}</span>'


def _sentence(run: Run, event: ScaleEvent) -> str:
    """What the operator said when the change was first seen."""
    at = run.requests.started_unix_seconds + event.seconds
    seen: TimelineSample = min(run.timeline, key=lambda sample: abs(sample.unix_seconds - at))
    return seen.sentence


def _timeliness(event: ScaleEvent) -> str:
    if event.timeliness is Timeliness.NEVER_NEEDED:
        return "head-room: the load never needed it"
    if event.timeliness is None or event.needed_seconds is None:
        return ""
    if event.ready_seconds is None:
        return '<span class="bad">never ready</span>'
    spare = event.needed_seconds - event.ready_seconds
    if event.timeliness is Timeliness.AHEAD:
        return f'<span class="good">ready {spare:.0f} s before the load needed it</span>'
    return f'<span class="bad">ready {-spare:.0f} s after the load needed it</span>'


def _text(value: str | int | float | None) -> str:
    if value is None:
        return "–"  # noqa: RUF001  # an en dash is how a table says "none"
    return f"{value:,}" if isinstance(value, int | float) else value
