"""Recording rules, alerts and every shipped PromQL expression, read by the real promtool."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.cluster.families import Program
from pd_e2e.expressions import Expression, chart_expressions

Run = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[3]
RULE_TESTS = sorted((Path(__file__).parent / "promtool").glob("*.yaml"))


@pytest.fixture(scope="module")
def rules(chart: Path) -> Path:
    return chart / "rules" / "pd-operator.yaml"


@pytest.fixture(scope="module")
def alerts(rules: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_promtool_accepts_the_rules_without_a_warning(run: Run, rules: Path) -> None:
    checked = run(Program.PROMTOOL, "check", "rules", "--lint=all", "--lint-fatal", rules)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("rule_test", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_not_before(run: Run, rule_test: Path) -> None:
    tested = run(Program.PROMTOOL, "test", "rules", rule_test)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_rule_test(alerts: list[dict[str, Any]]) -> None:
    tested = "".join(path.read_text(encoding="utf-8") for path in RULE_TESTS)
    assert [alert["alert"] for alert in alerts if alert["alert"] not in tested] == []


def test_every_alert_says_what_happened_how_bad_it_is_and_what_to_do(
    alerts: list[dict[str, Any]],
) -> None:
    runbooks = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for alert in alerts:
        name = alert["alert"]
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}, name
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}, name
        assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}", name
        assert f"### {name}\n" in runbooks, name


def test_promtool_parses_every_expression_of_dashboards_and_rules(
    run: Run, chart: Path, tmp_path: Path
) -> None:
    expressions = chart_expressions(chart, namespace="ml", service="chat")
    checked = run(Program.PROMTOOL, "check", "rules", _as_rules(expressions, tmp_path))
    assert checked.returncode == 0, checked.stderr
    assert f"{len(expressions)} rules found" in checked.stdout


def test_an_expression_that_does_not_parse_is_noticed(
    run: Run, chart: Path, tmp_path: Path
) -> None:
    good = chart_expressions(chart, namespace="ml", service="chat")[0]
    broken = Expression(good.source, good.title, good.promql + ")", good.kind)
    checked = run(Program.PROMTOOL, "check", "rules", _as_rules([broken], tmp_path))
    assert checked.returncode != 0
    assert "parse error" in checked.stderr


def _as_rules(expressions: list[Expression], folder: Path) -> Path:
    """Write the expressions as one file of recording rules, which is what promtool reads."""
    rules = [{"record": f"e{i}", "expr": each.promql} for i, each in enumerate(expressions)]
    file = folder / "expressions.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    return file


def test_prometheus_accepts_the_documented_scrape_configuration(run: Run, tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", manual, re.DOTALL)
    file = tmp_path / "prometheus.yml"
    file.write_text(block, encoding="utf-8")
    checked = run(Program.PROMTOOL, "check", "config", "--lint-fatal", file)
    assert checked.returncode == 0, checked.stderr

    jobs = {job["job_name"]: job for job in yaml.safe_load(block)["scrape_configs"]}
    assert jobs["pd-operator"]["honor_labels"] is True
    for name in ("pd-workers", "pd-routers"):
        labels = {each.get("target_label") for each in jobs[name]["relabel_configs"]} - {None}
        assert labels == {"namespace", "pod", "pd_service", "pd_role"}
