"""helm lint, values.schema.json and kubeconform over the chart and its toggles."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pd_e2e.cluster.families import Program

Run = Callable[..., subprocess.CompletedProcess[str]]

MONITORING = "--api-versions=monitoring.coreos.com/v1"
NO_SCHEMA = "PodMonitor,PrometheusRule"
"""The Prometheus operator's CRDs are not served by a bare API server. PrometheusRules are checked
by promtool (test_rules.py), the PodMonitor against the pod that it must find (test_templates.py).
"""

TOGGLES = {
    "defaults": [],
    "monitoring objects": [MONITORING],
    "two namespaces": ["--set=watchNamespaces={team-a,team-b}"],
    "network policy": [
        "--set=networkPolicy.enabled=true",
        "--set=networkPolicy.from[0].namespaceSelector.matchLabels.team=observability",
    ],
    "disruption budget": ["--set=podDisruptionBudget.enabled=true"],
    "own service account": ["--set=serviceAccount.create=false,serviceAccount.name=mine"],
    "a token for Prometheus": ["--set=prometheusTokenSecrets={prometheus-token}"],
    "a Prometheus of all clusters": [
        "--set=prometheus.url=https://thanos.example:10902/p,prometheus.clusterLabel=cluster=eu-1"
    ],
    "nothing optional": [
        "--set=crds.enabled=false,rbac.create=false,dashboards.enabled=false",
        "--set=podMonitor.enabled=false,prometheusRule.enabled=false",
    ],
    "image by digest": [f"--set=image.digest=sha256:{'0' * 64}"],
    "further arguments and volumes": [
        "--set=extraArgs={--log-level=debug},securityContext.capabilities=null",
        "--set=extraVolumes[0].name=ca,extraVolumes[0].emptyDir.medium=Memory",
        "--set=extraVolumeMounts[0].name=ca,extraVolumeMounts[0].mountPath=/ca",
    ],
    "common labels": ["--set=commonLabels.team=ml,podLabels.team=serving,rbac.aggregate=false"],
    "pod settings": [
        "--set=priorityClassName=system-cluster-critical,nodeSelector.pool=system",
        "--set=tolerations[0].key=system,tolerations[0].operator=Exists",
        "--set=imagePullSecrets[0].name=registry,extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=x",
        "--set=podLabels.team=ml,podAnnotations.note=x,serviceAccount.annotations.role=x",
    ],
}


@pytest.fixture(params=list(TOGGLES.values()), ids=list(TOGGLES))
def flags(request: pytest.FixtureRequest) -> list[str]:
    chosen: list[str] = request.param
    return chosen


def test_helm_lints_the_chart_strictly_under_every_toggle(
    run: Run, chart: Path, flags: list[str]
) -> None:
    values = [flag for flag in flags if not flag.startswith("--api-versions")]
    linted = run(Program.HELM, "lint", "--strict", chart, *values)
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.controlplane
def test_every_object_fits_the_api_servers_schema_under_every_toggle(
    run: Run, template: Run, kubernetes_schemas: Path, flags: list[str]
) -> None:
    checked = _kubeconform(run, kubernetes_schemas, template(*flags).stdout)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.controlplane
def test_a_misspelled_field_does_not_fit(run: Run, template: Run, kubernetes_schemas: Path) -> None:
    misspelled = template().stdout.replace("readOnlyRootFilesystem:", "readonlyRootFilesystem:")
    checked = _kubeconform(run, kubernetes_schemas, misspelled)
    assert checked.returncode == 1
    assert "readonlyRootFilesystem" in checked.stdout


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("--set=watchNamespace=team-a", "watchNamespace"),
        ("--set=log.level=loud", "/log/level"),
        ("--set=image.digest=latest", "/image/digest"),
        ("--set=watchNamespaces={Team}", "/watchNamespaces/0"),
        ("--set=prometheusTokenSecrets={*}", "/prometheusTokenSecrets/0"),
        ("--set=prometheus.url=http://me:hunter2@prometheus", "/prometheus/url"),
        ("--set=prometheus.clusterLabel=eu-1", "/prometheus/clusterLabel"),
        ("--set=podMonitor.interval=15", "/podMonitor/interval"),
        ("--set=prometheusRule.alerts.PDNone.enabled=false", "PDNone"),
        ("--set=prometheusRule.alerts.PDOperatorDown.enabled=no", "/PDOperatorDown/enabled"),
        ("--set=prometheusRule.runbookUrlPrefix=no-slash", "/prometheusRule/runbookUrlPrefix"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(template: Run, value: str, named: str) -> None:
    refused = template(value)
    assert refused.returncode != 0
    assert named in refused.stderr


def test_an_account_that_is_not_created_must_be_named(template: Run) -> None:
    refused = template("--set=serviceAccount.create=false")
    assert refused.returncode != 0
    assert "serviceAccount.name is needed" in refused.stderr


def _kubeconform(run: Run, schemas: Path, manifests: str) -> subprocess.CompletedProcess[str]:
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    return run(
        Program.KUBECONFORM,
        "-summary",
        f"-skip={NO_SCHEMA}",
        f"-schema-location={location}",
        "-",
        text=manifests,
    )
