"""States as single lines, for logs."""

from pd_e2e.demo.display.state import DisplayState, ReplayView, Stage, StageState
from pd_e2e.demo.display.widgets import minutes
from pd_operator.cli.top.view import Attained


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
    service = view.service
    now = 0.0 if service.offered_now is None else service.offered_now
    forecast = "none" if service.forecast is None else f"{service.forecast.median:.0f}/s"
    attained = ", ".join(f"{each.objective} {_so_far(each)}" for each in service.attained)
    pools = ", ".join(
        f"{name} {pool.ready}/{pool.desired}"
        for name, pool in (("prefill", service.prefill), ("decode", service.decode))
    )
    return (
        f"{view.clock}  {minutes(view.seconds_left)} left  offered {now:.0f}/s  "
        f"forecast {forecast}  ready/wanted {pools}  {attained}  "
        f"failed {view.requests_failed}  {service.decision}"
    )


def _so_far(attained: Attained) -> str:
    share, _ = attained.shares[-1]
    return "-" if share is None else f"{share:.1%}"
