"""The dashboard "Operator": is the operator itself well."""

from grafana_foundation_sdk.models import dashboard as models
from scripts.dashboards import boards as b
from scripts.dashboards import panels as p
from scripts.dashboards import queries as q

UID = "pd-operator-operator"


def build() -> models.Dashboard:
    """The whole dashboard."""
    board = b.board(
        "pd-operator: operator",
        UID,
        "Who leads, how ticks end and how long they take, and what the operator's pods use. "
        "Every panel's description says how to read it.",
    )
    board.with_variable(b.data_source()).with_variable(b.cluster())
    board.with_panel(
        p.number(
            "Leaders",
            "Pods that hold the Lease and act: 1 for each installation. 0 for longer than a "
            "few seconds means that nothing is decided.",
            "none",
            p.instant(q.of_all("pd_operator_leader"), "leaders"),
            columns=4,
        ).thresholds(p.steps([(None, "red"), (1, "green")]))
    )
    board.with_panel(
        p.graph(
            "Ticks by result",
            "Ticks a second over all services. Refused is a spec or a child that its owner must "
            "mend; errors and timeouts change nothing and are tried again.",
            "ops",
            p.query(q.ticks_by_result(), "{{result}}"),
            columns=10,
        )
    )
    board.with_panel(
        p.graph(
            "Tick duration",
            "Seconds of a whole tick and of its steps, over all services, and from when it was due "
            "to its end. The p99 of the latter stays within the period of the services where the "
            "operator keeps up.",
            "s",
            p.query(q.tick_percentile(0.5), "p50"),
            p.query(q.tick_percentile(0.99), "p99"),
            p.query(q.lag_percentile(0.99), "p99 from due to end"),
            p.query(q.step_percentile(0.99), "p99 of {{step}}"),
            columns=10,
        )
    )
    board.with_panel(
        p.graph(
            "Event loop lag",
            "How late the event loop woke up. Above a tenth of a second something blocks it, and "
            "Leases are renewed late.",
            "s",
            p.query(q.of_all("pd_operator_event_loop_lag_seconds", "max", "pod"), "{{pod}}"),
            columns=8,
        )
    )
    board.with_panel(
        p.graph(
            "Memory",
            "Resident memory of the operator's pods, without the processes that fit forecasts.",
            "bytes",
            p.query(q.of_operator_pods("process_resident_memory_bytes"), "{{pod}}"),
            columns=8,
        )
    )
    board.with_panel(
        p.graph(
            "Services run elsewhere",
            "Services that this operator watches and another one runs: it stands still for them.",
            "none",
            p.query(q.of_all("pd_operator_managed_elsewhere"), "services"),
            columns=8,
        )
    )
    return b.numbered(board.build())
