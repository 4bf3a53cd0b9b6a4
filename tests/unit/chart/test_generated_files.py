"""Generated files in the chart are what their sources generate now."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "pd-operator"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dashboards")
    command = [sys.executable, "-m", "scripts.generate_dashboards", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def dashboard() -> Any:
    return json.loads((CHART / "dashboards" / "slo-attainment.json").read_text(encoding="utf-8"))


def panels(dashboard: Any) -> list[Any]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_dashboards_are_as_generated(generated: Path) -> None:
    shipped = {path.name: path.read_text() for path in (CHART / "dashboards").iterdir()}
    assert shipped == {path.name: path.read_text() for path in generated.iterdir()}


def test_the_charts_crd_is_the_repositorys() -> None:
    shipped = {path.name: path.read_text() for path in (CHART / "files" / "crds").iterdir()}
    assert shipped == {path.name: path.read_text() for path in (ROOT / "crds").iterdir()}


def test_the_charts_icon_is_the_picture_beside_it() -> None:
    metadata = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    kind, _, picture = metadata["icon"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(picture) == (CHART / "icon.svg").read_bytes()


def test_every_panel_teaches_and_names_its_unit(dashboard: Any) -> None:
    for panel in panels(dashboard):
        assert len(panel["description"]) > 60, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_every_query_goes_to_the_chosen_data_source_and_service(dashboard: Any) -> None:
    for panel in panels(dashboard):
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
            # The operator's own tick seconds are over all of its services.
            assert "$namespace" in target["expr"] or "pd_operator_tick_" in target["expr"]


def test_panels_have_numbers_of_their_own_and_do_not_overlap(dashboard: Any) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert sorted(set(numbers)) == numbers
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", ["slo-attainment", "fleet", "operator"])
def test_every_dashboard_is_about_the_chosen_clusters_alone(name: str) -> None:
    board = json.loads((CHART / "dashboards" / f"{name}.json").read_text(encoding="utf-8"))
    (cluster,) = [one for one in board["templating"]["list"] if one["name"] == "cluster"]
    assert cluster["includeAll"]
    assert cluster["allValue"] == ".*"
    shown = panels(board)
    test_every_panel_teaches_and_names_its_unit(board)
    test_panels_have_numbers_of_their_own_and_do_not_overlap(board)
    for panel in shown:
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
            selectors = re.findall(
                r"(?:pd_operator_|sglang:|smg_|process_)[a-z_:]+(?:\{([^}]*)\})?", target["expr"]
            )
            assert selectors, panel["title"]
            assert all('cluster=~"$cluster"' in one for one in selectors), target["expr"]


def test_changes_of_the_workers_are_drawn_through_all_panels(dashboard: Any) -> None:
    (events,) = [one for one in dashboard["annotations"]["list"] if "expr" in one]
    assert 'state="wanted"' in events["expr"]
    assert "$service" in events["expr"]


def test_links_to_the_dashboard_stay_good(dashboard: Any) -> None:
    assert dashboard["uid"] == "pd-operator-slo-attainment"
    names = [variable["name"] for variable in dashboard["templating"]["list"]]
    assert names == ["datasource", "cluster", "namespace", "service", "lead_prefill", "lead_decode"]


def test_every_graph_of_several_lines_has_a_legend(dashboard: Any) -> None:
    graphs = [panel for panel in panels(dashboard) if panel["type"] == "timeseries"]
    assert len(graphs) > 10
    for panel in graphs:
        assert panel["options"]["legend"]["showLegend"], panel["title"]


def test_attainment_is_drawn_where_it_matters(dashboard: Any) -> None:
    """Between 90 % and 100 %: an axis from 0 % would leave it a tenth of the height."""
    (drawn,) = [panel for panel in panels(dashboard) if panel["title"] == "Attainment"]
    defaults = drawn["fieldConfig"]["defaults"]
    assert defaults["custom"]["axisSoftMin"] >= 0.5
    assert defaults["max"] == 1


def test_every_drawn_forecast_is_shifted_by_its_own_pool_s_lead_time(dashboard: Any) -> None:
    forecasts = [
        target["expr"]
        for panel in panels(dashboard)
        for target in panel["targets"]
        if panel["type"] == "timeseries" and target["legendFormat"].startswith("forecast, ")
    ]
    assert len(forecasts) == 9
    for expression in forecasts:
        role = "prefill" if 'role="prefill"' in expression else "decode"
        assert f"offset ${{lead_{role}}}s" in expression
