"""The dashboard "Fleet": every service in one table, and what they cost together."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models
from scripts.dashboards import boards as b
from scripts.dashboards import panels as p
from scripts.dashboards import queries as q

UID = "pd-operator-fleet"
NAME = "{{namespace}}/{{service}}"


def build() -> models.Dashboard:
    """The whole dashboard."""
    board = b.board(
        "P/D services: fleet",
        UID,
        "All PDInferenceServices: workers, attainment, error budget, and GPU time. "
        "Every panel's description says how to read it.",
    )
    board.with_variable(b.data_source()).with_variable(b.cluster())
    _services(board)
    _over_time(board)
    return b.numbered(board.build())


def _services(board: builders.Dashboard) -> None:
    columns = {
        "prefill ready": q.fleet("workers", role="prefill", state="ready"),
        "prefill wanted": q.fleet("workers", role="prefill", state="wanted"),
        "decode ready": q.fleet("workers", role="decode", state="ready"),
        "decode wanted": q.fleet("workers", role="decode", state="wanted"),
        "attainment": q.fleet_attainment(),
        "budget left": q.fleet_budget_left(),
        "trusted": q.fleet("condition", type="ForecastTrusted", status="True"),
        "GPUs": q.fleet("gpus"),
        "GPU time saved": q.fleet_gpus_saved(),
    }
    shares = ("attainment", "budget left", "GPU time saved")
    panel = p.table(
        "Services",
        "A row a service. Attainment is of the worse objective, now; budget left is of the misses "
        "that the time range allows, below 0 the objective was missed. Trusted is 1 where the "
        "forecast beats the last value. GPU time saved is against as many GPUs as at the peak of "
        "the time range, all the time.",
        *(p.cells(expression, name) for name, expression in columns.items()),
        names=list(columns),
    )
    for name in shares:
        panel.override_by_name(name, [models.DynamicConfigValue("unit", "percentunit")])
    board.with_panel(panel)


def _over_time(board: builders.Dashboard) -> None:
    board.with_panel(
        p.graph(
            "Attainment",
            "Share of the requests that met the worse of a service's objectives. A gap means "
            "unknown: no requests, or no metrics.",
            "percentunit",
            p.query(q.fleet_attainment(), NAME),
            columns=8,
        )
        .axis_soft_min(0.8)
        .max(1)
    )
    board.with_panel(
        p.graph(
            "Requests offered",
            "Requests a second that clients sent to each service's routers, served or not.",
            "reqps",
            p.query(q.fleet("demand_requests_per_second"), NAME),
            columns=8,
        )
    )
    board.with_panel(
        p.graph(
            "GPUs held",
            "GPUs of each service's workers that are asked for: replicas times "
            "tensorParallelSize, whether or not a node has been found for them.",
            "none",
            p.query(q.fleet("gpus"), NAME),
            columns=8,
        )
    )
