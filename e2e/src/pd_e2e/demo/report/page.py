"""The report's page."""

from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from pd_e2e.demo.report.sections import Section, sections
from pd_e2e.demo.report.style import style, svg
from pd_e2e.demo.report.tables import decision_table, figure_table
from pd_e2e.demo.run import Run
from pd_e2e.demo.summary import Summary, summarise


@dataclass(frozen=True)
class Tile:
    """One figure in large type; `good` colours it, None leaves it as it is."""

    figure: str
    name: str
    note: str
    good: bool | None = None


def write_report(path: Path, run: Run) -> None:
    """Write the report as one HTML file with everything inline.

    Raises ValueError if the run offered no request or has no timeline.
    """
    path.write_text(report(run), encoding="utf-8")


def report(run: Run) -> str:
    """The whole page."""
    summary = summarise(run)
    with style(text_as_paths=False):
        plots = [_section(section) for section in sections(run)]
    decisions = _titled("Every decision", _DECISIONS, decision_table(run))
    figures = _titled("All figures", _FIGURES, figure_table(summary))
    template = Template((files("pd_e2e.demo.report") / "template.html").read_text())
    return template.substitute(
        title=_TITLE,
        lead=_lead(run),
        tiles="\n".join(_tile(tile) for tile in tiles(summary, run.goal_share)),
        sections="\n".join([*plots, decisions, figures]),
    )


def tiles(summary: Summary, goal_share: float) -> list[Tile]:
    """The figures that matter most."""
    requests, scaling, cost = summary.requests, summary.scaling, summary.cost
    mase = summary.forecast.forecast_mase_at_lead
    perfect = cost.gpu_seconds_perfect_knowledge / cost.gpu_seconds_static_peak
    return [
        Tile(
            f"{requests.joint_attainment:.1%}",
            "within both objectives",
            f"first token in {requests.ttft_objective_seconds * 1000:.0f} ms and "
            f"{requests.tpot_objective_seconds * 1000:g} ms per token",
            requests.joint_attainment >= goal_share,
        ),
        Tile(
            f"{requests.requests_failed:,}",
            "failed requests",
            f"of {requests.requests_offered:,} offered",
            requests.requests_failed == 0,
        ),
        Tile(
            f"{cost.gpu_seconds_share_of_static_peak:.0%}",
            "of a static peak's GPU time",
            f"perfect knowledge would need {perfect:.0%}",
        ),
        Tile(
            f"{scaling.scale_ups_ahead} of {scaling.scale_ups}",
            "scale-ups ahead of the load",
            f"{scaling.scale_ups_late} late, {scaling.scale_ups_never_needed} kept as head-room",
        ),
        Tile(
            "–" if mase is None else f"{mase:.2f}",  # noqa: RUF001  # "none" in a figure's place
            "forecast error at lead time",
            "against taking the last value, which is 1",
            None if mase is None else mase < 1,
        ),
    ]


def _tile(tile: Tile) -> str:
    colour = {None: "", True: "good", False: "bad"}[tile.good]
    return (
        f'<div class="tile"><b class="{colour}">{escape(tile.figure)}</b>'
        f"<span>{escape(tile.name)}</span><small>{escape(tile.note)}</small></div>"
    )


def _section(section: Section) -> str:
    return _titled(section.heading, section.words, svg(section.figure))


def _titled(heading: str, words: tuple[str, ...], body: str) -> str:
    paragraphs = "\n".join(f"<p>{text}</p>" for text in words)
    return f"<section>\n<h2>{heading}</h2>\n{paragraphs}\n{body}\n</section>"


def _lead(run: Run) -> str:
    load = run.load
    begins = load.clock(0.0).capitalize()
    ends = load.clock(run.duration_seconds).rpartition(" ")[2]
    model = escape(run.forecast_model)
    return (
        f"{begins} to {ends} of two real services, {load.speed:g} times as fast, "
        f"at {load.scale:.0%} of the real rate. The operator forecast with "
        f"<code>{model}</code> and moved prefill and decode workers by itself. "
        "Every figure here is measured on this run."
    )


_TITLE = "pd-operator: one day of load, and the workers that met it"
_DECISIONS = (
    "Each change of the wanted workers. For those that added workers, the last column says "
    "whether they were ready when the load came to need them.",
)
_FIGURES = ("The content of <code>summary.json</code>.",)
