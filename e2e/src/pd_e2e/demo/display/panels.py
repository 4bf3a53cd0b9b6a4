"""States as something that rich can draw on a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pd_e2e.demo.display.state import (
    Attained,
    DisplayState,
    PoolView,
    ReplayView,
    Stage,
    StageState,
)
from pd_e2e.demo.display.widgets import minutes, sparkline, worker_bar

PREFILL_STYLE = "bright_blue"
DECODE_STYLE = "orange1"


def render(state: DisplayState) -> RenderableType:
    """The whole display; stages that are done shrink to one line during the replay."""
    if state.replay is None:
        return _stages(state.stages)
    return Group(_stages_in_short(state.stages), _replay(state.replay))


def _stages(stages: Sequence[Stage]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=1)
    table.add_column(min_width=16)
    table.add_column(justify="right", min_width=6)
    table.add_column(width=24)
    table.add_column(style="dim", overflow="ellipsis", no_wrap=True)
    for stage in stages:
        table.add_row(*_stage_cells(stage))
    return Panel(table, title="pd-operator demo", title_align="left", border_style="dim")


def _stage_cells(stage: Stage) -> tuple[RenderableType, ...]:
    mark, look = {
        StageState.WAITING: ("·", "dim"),
        StageState.RUNNING: ("▸", "bold cyan"),
        StageState.DONE: ("✓", "green"),
        StageState.FAILED: ("✗", "bold red"),
    }[stage.state]
    bar: RenderableType = ""
    if stage.state is StageState.RUNNING:
        share = stage.share
        bar = ProgressBar(completed=100 * (share or 0.0), width=24, pulse=share is None)
    seconds = "" if stage.state is StageState.WAITING else f"{stage.seconds:.0f} s"
    return Text(mark, look), Text(stage.name, look), Text(seconds, "dim"), bar, stage.note


def _stages_in_short(stages: Sequence[Stage]) -> Text:
    text = Text()
    for stage in stages:
        look = {StageState.DONE: "green", StageState.FAILED: "bold red"}.get(stage.state, "dim")
        mark = {StageState.DONE: "✓ ", StageState.FAILED: "✗ "}.get(stage.state, "")
        text.append(f" {mark}{stage.name} ", look)
    return text


def _replay(view: ReplayView) -> Panel:
    body = Group(
        _header(view),
        Text(),
        _load(view),
        Text(),
        _pools(view),
        Text(),
        _attainment(view),
        Text(),
        _decision(view),
    )
    return Panel(body, title="pd-operator demo", title_align="left", border_style="dim")


def _header(view: ReplayView) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(min_width=16)
    table.add_column(ratio=1)
    table.add_column(justify="right")
    left = f"{minutes(view.seconds_left)} left"
    bar = ProgressBar(completed=100 * view.share, complete_style="cyan", finished_style="cyan")
    table.add_row(Text(view.clock, "bold"), bar, Text(left, "dim"))
    return table


def _load(view: ReplayView) -> Table:
    table = _fields()
    now = view.offered[-1] if view.offered else 0.0
    offered = Text.assemble((sparkline(view.offered, width=48), "cyan"), f"  {now:.0f} requests/s")
    table.add_row("offered load", offered)
    table.add_row("forecast", _forecast(view))
    return table


def _forecast(view: ReplayView) -> Text:
    if view.forecast is None or view.forecast_horizon_seconds is None:
        return Text("none yet", "dim")
    band = view.forecast
    return Text.assemble(
        f"in {view.forecast_horizon_seconds:.0f} s ",
        (f"{band.median:.0f} requests/s", "bold"),
        (f"  ({band.low:.0f} to {band.high:.0f})", "dim"),
    )


def _pools(view: ReplayView) -> Table:
    table = _fields()
    for name, pool, look in (
        ("prefill", view.prefill, PREFILL_STYLE),
        ("decode", view.decode, DECODE_STYLE),
    ):
        table.add_row(name, Text.assemble(worker_bar(pool, look), _pool_words(pool)))
    return table


def _pool_words(pool: PoolView) -> Text:
    workers = pool.workers
    words = Text(f" {workers.ready} ready, {workers.desired} wanted")
    if pool.tokens_per_second is not None:
        words.append(f"  for {pool.tokens_per_second.high:,.0f} tokens/s", "dim")
    return words


def _attainment(view: ReplayView) -> Table:
    table = _fields()
    for attained in view.attained:
        table.add_row(attained.objective, _attained(attained, view.goal_share))
    failed = Text(f"{view.requests_offered:,} offered, ")
    failed.append(f"{view.requests_failed} failed", "bold red" if view.requests_failed else "green")
    table.add_row("requests", failed)
    return table


def _attained(attained: Attained, goal_share: float) -> Text:
    text = Text()
    for share, when in ((attained.recent, "last 30 s"), (attained.so_far, "so far")):
        if share is None:
            text.append("-".rjust(6), "dim")
        else:
            met = share >= goal_share
            text.append(f"{share:6.1%}", "green" if met else "bold red")
            text.append(" ✓" if met else " ✗", "green" if met else "bold red")
        text.append(f" {when}   ", "dim")
    return text.append(f"goal {goal_share:.0%}", "dim")


def _decision(view: ReplayView) -> Table:
    table = _fields()
    table.add_row("last decision", Text(view.decision or "none yet", "italic"))
    return table


def _fields() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", width=16)
    table.add_column()
    return table
