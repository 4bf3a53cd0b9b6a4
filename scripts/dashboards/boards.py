"""What all dashboards have in common: their frame, and the variables at their top."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models
from scripts.dashboards import panels as p


def board(title: str, uid: str, description: str) -> builders.Dashboard:
    """An empty dashboard of the last hour."""
    return (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["pd-operator", "llm", "slo"])
        .time("now-1h", "now")
        .refresh("15s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
    )


def numbered(built: models.Dashboard) -> models.Dashboard:
    """Give every panel a number of its own, so that a link to one panel stays good."""
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return built


def data_source() -> builders.DatasourceVariable:
    """Which Prometheus."""
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus")


def cluster() -> builders.QueryVariable:
    """Which clusters, where one Prometheus has several; all of them where nobody chooses."""
    return (
        label_values("cluster", "Cluster", "label_values(pd_operator_leader, cluster)")
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def label_values(name: str, label: str, query: str) -> builders.QueryVariable:
    """A choice among a label's values."""
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(p.DATASOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
