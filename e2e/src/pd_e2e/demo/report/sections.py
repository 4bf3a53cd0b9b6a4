"""The report's plots, each with the words that a newcomer needs to read it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pd_e2e.demo.report import plots
from pd_e2e.demo.report.style import day_axis
from pd_e2e.demo.run import Run
from pd_operator.api.roles import Role
from pd_operator.cli.report.style import DECODE, PREFILL, legend, title

WIDTH_INCHES = 10.6


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs of HTML, and a figure."""

    heading: str
    words: tuple[str, ...]
    figure: Figure


def sections(run: Run) -> Iterator[Section]:
    """All plots, from the cause (load) to the effect (latency)."""
    yield Section("The load", _LOAD_WORDS, load_figure(run))
    yield Section("What was forecast", _FORECAST_WORDS, forecast_figure(run))
    yield Section("The two pools", _WORKERS_WORDS, workers_figure(run))
    yield Section("The ratio", _RATIO_WORDS, ratio_figure(run))
    yield Section("Were the objectives met?", _ATTAINMENT_WORDS, attainment_figure(run))
    yield Section("Latency as the clients saw it", _LATENCY_WORDS, latency_figure(run))


def load_figure(run: Run) -> Figure:
    """The services' request rates."""
    return _panels(
        run, [("Requests per second, by service", lambda axes: plots.services(axes, run))]
    )


def forecast_figure(run: Run) -> Figure:
    """Request rate, prompt tokens and output tokens, each with its forecast at lead time."""
    return _panels(
        run,
        [
            (
                "Requests per second",
                lambda axes: plots.forecast(
                    axes, run, Role.PREFILL, lambda f: f.requests_per_second, run.actual()
                ),
            ),
            (
                "Prompt tokens per second, thousands: the work of prefill",
                lambda axes: plots.forecast(
                    axes,
                    run,
                    Role.PREFILL,
                    lambda f: f.tokens_per_second,
                    run.actual(Role.PREFILL),
                    unit=1000,
                ),
            ),
            (
                "Output tokens per second, thousands: the work of decode",
                lambda axes: plots.forecast(
                    axes,
                    run,
                    Role.DECODE,
                    lambda f: f.tokens_per_second,
                    run.actual(Role.DECODE),
                    unit=1000,
                ),
            ),
        ],
    )


def workers_figure(run: Run) -> Figure:
    """Workers of both roles."""
    return _panels(
        run,
        [
            ("Prefill workers", lambda axes: plots.workers(axes, run, Role.PREFILL)),
            ("Decode workers", lambda axes: plots.workers(axes, run, Role.DECODE)),
        ],
    )


def ratio_figure(run: Run) -> Figure:
    """Prefill per decode worker."""
    return _panels(
        run, [("Prefill workers per decode worker", lambda axes: plots.ratio(axes, run))]
    )


def attainment_figure(run: Run) -> Figure:
    """Attainment of both objectives."""
    return _panels(
        run,
        [("Requests within their objective", lambda axes: plots.attainment(axes, run))],
    )


def latency_figure(run: Run) -> Figure:
    """Percentiles of both latencies."""
    judged, objectives = run.judged, run.objectives
    return _panels(
        run,
        [
            (
                "Time to first token, milliseconds",
                lambda axes: plots.latency(
                    axes, run, judged.ttft_seconds, objectives.ttft_seconds, PREFILL
                ),
            ),
            (
                "Time per output token, milliseconds",
                lambda axes: plots.latency(
                    axes, run, judged.tpot_seconds, objectives.tpot_seconds, DECODE
                ),
            ),
        ],
    )


def _panels(run: Run, panels: list[tuple[str, Callable[[Axes], None]]]) -> Figure:
    """Panels under each other that share the replayed day as their x-axis."""
    height = 0.5 + 2.3 * len(panels)
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, draw) in zip(rows, panels, strict=True):
        draw(axes)
        title(axes, name)
        legend(axes)
        day_axis(axes, run, labeled=axes is rows[-1])
    return figure


_LOAD_WORDS = (
    "Two services share one endpoint. <b>Code</b> completion sends long prompts and wants short "
    "answers; <b>conversation</b> sends shorter prompts and wants long answers. A prompt is work "
    "for <span class='prefill'>prefill</span> workers, which set the time to first token; an "
    "answer is work for <span class='decode'>decode</span> workers, which set the time per output "
    "token. As code climbs through the day, prefill work grows far more than decode work: no "
    "fixed ratio of the two pools is right all day.",
)
_FORECAST_WORDS = (
    "A new worker takes a while to start, so the operator must act on the load that will come, "
    "not on the load that is there. At every tick it forecasts the load of the moment at which a "
    "worker ordered now would be ready. Each forecast is drawn here at the moment that it was "
    "<i>about</i>, beside what was then really offered. Workers are bought for the band's upper "
    "edge.",
)
_WORKERS_WORDS = (
    "The line is what the operator wanted and the area what was ready; the gap between them is "
    "the start-up time. The dashed line is what the load needed at each moment, as "
    "someone would know who had seen the day before. Where the area reaches the dashed line "
    "before it rises, the operator was ahead of the load.",
)
_RATIO_WORDS = (
    "The two pools do not move together. Their ratio follows the mix of long prompts and long "
    "answers.",
)
_ATTAINMENT_WORDS = (
    "Share of the requests of the last 30 seconds whose time to first token (TTFT) and time per "
    "output token (TPOT) stayed within the objective, measured by the clients. A request that "
    "failed counts as missed.",
)
_LATENCY_WORDS = (
    "Half of the requests of the last 30 seconds were faster than P50, nine in ten faster than "
    "P90. The objective is a bound on P90.",
)
