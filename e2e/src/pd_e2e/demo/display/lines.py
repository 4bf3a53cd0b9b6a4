"""States as single lines, for logs."""

from pd_e2e.demo.display.state import DisplayState, ReplayView, Stage, StageState
from pd_e2e.demo.display.widgets import minutes


def plain(state: DisplayState) -> str:
    """One line that says the same."""
    if state.replay is not None:
        return _replay_line(state.replay)
    current = [stage for stage in state.stages if stage.state is not StageState.WAITING]
    return stage_line(current[-1]) if current else "starting"


def stage_line(stage: Stage) -> str:
    """One line about a stage."""
    running = stage.state is StageState.RUNNING and stage.share is not None
    share = f" {stage.share:.0%}" if running else ""
    note = f": {stage.note}" if stage.note else ""
    return f"{stage.name} {stage.state}{share}, {stage.seconds:.0f} s{note}"


def _replay_line(view: ReplayView) -> str:
    now = view.offered[-1] if view.offered else 0.0
    forecast = "none" if view.forecast is None else f"{view.forecast.median:.0f}/s"
    attained = ", ".join(
        f"{each.objective} {'-' if each.so_far is None else format(each.so_far, '.1%')}"
        for each in view.attained
    )
    pools = ", ".join(
        f"{name} {pool.workers.ready}/{pool.workers.desired}"
        for name, pool in (("prefill", view.prefill), ("decode", view.decode))
    )
    return (
        f"{view.clock}  {minutes(view.seconds_left)} left  offered {now:.0f}/s  "
        f"forecast {forecast}  ready/wanted {pools}  {attained}  "
        f"failed {view.requests_failed}  {view.decision}"
    )
