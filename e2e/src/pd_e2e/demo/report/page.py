"""The report's page."""

from html import escape
from pathlib import Path

from pd_e2e.demo.report.sections import Section, sections
from pd_e2e.demo.report.tables import decision_table, figure_table
from pd_e2e.demo.run import Run
from pd_e2e.demo.summary import Summary, summarize
from pd_operator.cli.report.page import Tile, page, section
from pd_operator.cli.report.style import style, svg


def write_report(path: Path, run: Run) -> None:
    """Write the report as one HTML file with everything inline.

    Raises ValueError if the run offered no request or has no timeline.
    """
    path.write_text(report(run), encoding="utf-8")


def report(run: Run) -> str:
    """The whole page."""
    summary = summarize(run)
    with style():
        plots = [_plotted(shown) for shown in sections(run)]
    decisions = section("Every decision", decision_table(run), _DECISIONS)
    figures = section("All figures", figure_table(summary), _FIGURES)
    return page(
        _TITLE,
        _lead(run),
        tiles(summary, run.goal_share),
        [*plots, decisions, figures],
        _SOURCES,
    )


def tiles(summary: Summary, goal_share: float) -> list[Tile]:
    """The figures that matter most."""
    requests, scaling, cost = summary.requests, summary.scaling, summary.cost
    relative_mae = summary.forecast.forecast_relative_mae_at_lead
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
            "–" if relative_mae is None else f"{relative_mae:.2f}",  # noqa: RUF001  # "none" in a figure's place
            "forecast error at lead time",
            "against taking the last value, which is 1",
            None if relative_mae is None else relative_mae < 1,
        ),
    ]


def _plotted(shown: Section) -> str:
    return section(shown.heading, svg(shown.figure), *shown.words)


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
    "whether they were ready when the load came to need them."
)
_FIGURES = "The content of <code>summary.json</code>."
_SOURCES = (
    "Load: requests of two production services from the Azure LLM inference traces 2024 (Stojkovic "
    "et al., DynamoLLM, HPCA 2025) with request lengths from the 2023 trace (Patel et al., "
    "Splitwise, ISCA 2024), CC-BY-4.0. The router, the Kubernetes control plane, Prometheus and "
    "the operator are the real ones; the engines are simulators that speak SGLang's protocol with "
    "timings from a measured profile."
)
