"""States as something that rich can draw on a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pd_e2e.demo.display.state import DisplayState, ReplayView, Stage, StageState
from pd_e2e.demo.display.widgets import minutes
from pd_operator.cli.top import panels
from pd_operator.cli.top.widgets import fields


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
        panels.load(view.service),
        Text(),
        panels.pools(view.service),
        Text(),
        panels.attainment(view.service),
        _requests(view),
        Text(),
        panels.decision(view.service),
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


def _requests(view: ReplayView) -> Table:
    table = fields()
    failed = Text(f"{view.requests_offered:,} offered, ")
    failed.append(f"{view.requests_failed} failed", "bold red" if view.requests_failed else "green")
    table.add_row("requests", failed)
    return table
