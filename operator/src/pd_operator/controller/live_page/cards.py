"""What the page shows of one service: load, forecast, workers, attainment, words, changes."""

from collections.abc import Iterator, Sequence

from pd_operator.api.conditions import CHOSEN, ConditionStatus, first_fault
from pd_operator.api.objectives import Objective
from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.live_page.drawings import load_line, worker_blocks
from pd_operator.controller.live_page.markup import Markup, element, joined

CHANGES_SHOWN = 5


def card(
    service: PDInferenceService, rates: Sequence[tuple[float, float]], now_seconds: float
) -> Markup:
    """One service."""
    fault = first_fault(service.status.conditions)
    rows = element(
        "dl",
        *_row("offered load", _load(service), _most(rates), load_line(rates, now_seconds)),
        *_row("forecast", _forecast(service)),
        *(part for role in Role for part in _row(role.value, *_pool(service, role))),
        *(part for name in ("TTFT", "TPOT") for part in _row(*_attained(service, name))),
        *_row("last decision", element("em", _words(service))),
    )
    heading = element(
        "h2",
        str(service.key),
        " ",
        element("span", fault.reason if fault else "ok", class_="bad" if fault else "good"),
        element("small", _mode(service)),
    )
    return element("section", heading, rows, *_changes(service), *_faults(service))


def unreadable(name: str) -> Markup:
    """A service whose spec does not fit this operator's API."""
    told = "Its spec does not fit this operator's version of the API."
    return element("section", element("h2", name), element("p", told, class_="bad"))


def _row(name: str, *inside: str) -> tuple[Markup, Markup]:
    return element("dt", name), element("dd", *inside)


def _mode(service: PDInferenceService) -> str:
    pause = service.metadata.pause
    mode = f"mode {service.spec.autoscaling.mode}"
    return f"{mode}, {pause}" if pause is not None else mode


def _load(service: PDInferenceService) -> Markup:
    demand = service.status.demand
    if demand is None:
        return element("span", "unknown", class_="bad")
    rate = f"{demand.milli_requests_per_second / 1000:.1f}"
    return joined(element("b", rate), " requests/s ")


def _most(rates: Sequence[tuple[float, float]]) -> Markup:
    """The scale of the line, which has no axis."""
    if not rates:
        return joined()
    most = max(rate for _, rate in rates)
    return element("small", f"at most {most:.1f} in the last half hour")


def _forecast(service: PDInferenceService) -> str:
    if service.status.forecast is None:
        return "none yet"
    pools = (service.status.forecast.prefill, service.status.forecast.decode)
    ahead = max(pools, key=lambda pool: pool.horizon_seconds)
    return joined(
        f"in {ahead.horizon_seconds} s ",
        element("b", f"{ahead.median_milli_requests_per_second / 1000:.1f}"),
        f" requests/s, up to {ahead.milli_requests_per_second / 1000:.1f}",
    )


def _pool(service: PDInferenceService, role: Role) -> tuple[str, ...]:
    pool = service.status.prefill if role is Role.PREFILL else service.status.decode
    if pool is None:
        return ("unknown",)
    most = service.spec.pool(role).max_replicas
    blocks = worker_blocks(pool.ready, pool.desired, most, role.value)
    more = {"starting": pool.starting, "draining": pool.draining, "borrowed": pool.flipped}
    told = "".join(f", {count} {name}" for name, count in more.items() if count)
    return blocks, f" {pool.ready} ready, {pool.desired} wanted{told}"


def _attained(service: PDInferenceService, name: str) -> tuple[str, str]:
    objectives, seen = service.spec.objectives, service.status.attainment
    objective: Objective = objectives.ttft if name == "TTFT" else objectives.tpot
    title = f"{name} < {objective.milliseconds} ms"
    if seen is None:
        return title, "unknown"
    share = (seen.ttft_per_mille if name == "TTFT" else seen.tpot_per_mille) / 10
    met = share >= objective.percentile
    figure = element("b", f"{share:.1f} %", class_="good" if met else "bad")
    return title, joined(figure, f" of {seen.requests:,} requests, goal {objective.percentile} %")


def _words(service: PDInferenceService) -> str:
    decided = service.status.last_decision
    if decided is None:
        return "none yet"
    return f"{decided.message} ({decided.time:%H:%M:%S})"


def _changes(service: PDInferenceService) -> Iterator[Markup]:
    newest = service.status.history[-CHANGES_SHOWN:]
    if not newest:
        return
    rows = (
        element(
            "tr",
            element("td", f"{change.time:%Y-%m-%d %H:%M:%S}"),
            element("td", f"{change.role.value} {change.before} → {change.after}"),
            element("td", change.reason),
            element("td", change.message),
        )
        for change in reversed(newest)
    )
    # Open: a closed one that somebody opened would be closed again by the next renewal.
    summary, table = element("summary", "Last changes"), element("table", *rows)
    yield element("details", summary, table, open="")


def _faults(service: PDInferenceService) -> Iterator[Markup]:
    for condition in service.status.conditions:
        if condition.status is ConditionStatus.FALSE and condition.reason not in CHOSEN:
            name = element("b", condition.type)
            yield element("p", name, f" {condition.message}", class_="fault")
