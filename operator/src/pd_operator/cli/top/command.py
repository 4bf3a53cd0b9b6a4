"""The command line of `kubectl pd top`, and the screen of a real service."""

from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from pd_operator.api.conditions import CHOSEN, Condition, ConditionStatus, first_fault
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.cli.options import Context, Name, Namespace, Prometheus, Watch
from pd_operator.cli.resources import ServiceReader
from pd_operator.cli.top import panels
from pd_operator.cli.top.from_status import service_view
from pd_operator.cli.top.offered import OfferedLoad
from pd_operator.cli.top.widgets import fields
from pd_operator.cli.watching import show

CHANGES_SHOWN = 5


def top(
    name: Name,
    namespace: Namespace = None,
    context: Context = None,
    prometheus: Prometheus = None,
    watch: Watch = False,
) -> None:
    """Show a service live: its load, forecast, workers, attainment, and the last words.

    The load of the last half hour comes from Prometheus; where that cannot be
    reached from here, from what was seen since the command began.

    kubectl pd top chat -w

    kubectl pd top chat -w --prometheus http://127.0.0.1:9090
    """
    services = ServiceReader(name, namespace, context)
    offered = OfferedLoad(services.cluster, services.read(), prometheus)
    show(lambda: _look(services.read(), offered), Console(), watch=watch)


def _look(service: PDInferenceService, offered: OfferedLoad) -> RenderableType:
    now = datetime.now(UTC)
    rates = offered.rates(service, now.timestamp())
    return screen(service, rates, now, offered.fault)


def screen(
    service: PDInferenceService, offered: list[float], now: datetime, prometheus_fault: str = ""
) -> Panel:
    """Everything that is shown of a service at a moment."""
    view = service_view(service, offered)
    parts: list[RenderableType] = [_heading(service, now), Text(), panels.load(view)]
    if prometheus_fault:
        parts.append(Text(f"No load of the past: {prometheus_fault}", "dim"))
    parts += [Text(), panels.pools(view), Text(), panels.attainment(view)]
    parts += [Text(), panels.decision(view), *_changes(service), *_faults(service)]
    return Panel(Group(*parts), title=str(service.key), title_align="left", border_style="dim")


def _heading(service: PDInferenceService, now: datetime) -> Text:
    fault = first_fault(service.status.conditions)
    look = "green" if fault is None else "bold red"
    told = "as it should be" if fault is None else fault.reason
    text = Text.assemble((told, look), f"   mode {service.spec.autoscaling.mode}")
    if service.metadata.pause is not None:
        text.append(f", {service.metadata.pause}", "yellow")
    decided = service.status.last_decision
    if decided is not None:
        age = max(0.0, (now - decided.time).total_seconds())
        text.append(f"   decided {age:.0f} s ago", "dim")
    return text.append(f"   {now:%H:%M:%S} UTC", "dim")


def _changes(service: PDInferenceService) -> list[RenderableType]:
    table = fields()
    for change in reversed(service.status.history[-CHANGES_SHOWN:]):
        words = f"{change.role} {change.before} → {change.after}  {change.reason}"
        table.add_row(f"{change.time:%m-%d %H:%M:%S}", Text(words))
    return [Text(), table] if table.row_count else []


def _faults(service: PDInferenceService) -> list[RenderableType]:
    told = [_fault(condition) for condition in service.status.conditions if _wrong(condition)]
    return [Text(), *told] if told else []


def _wrong(condition: Condition) -> bool:
    return condition.status is ConditionStatus.FALSE and condition.reason not in CHOSEN


def _fault(condition: Condition) -> Text:
    return Text.assemble((f"{condition.type} ", "bold red"), condition.message)
