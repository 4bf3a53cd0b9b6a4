"""What the chart renders under its toggles."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.cluster.families import Program

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[3]
MONITORING = "--api-versions=monitoring.coreos.com/v1"


def one(manifests: list[Manifest], kind: str) -> Manifest:
    found = [each for each in manifests if each["kind"] == kind]
    assert len(found) == 1, f"{len(found)} objects of kind {kind}"
    return found[0]


def container(manifests: list[Manifest]) -> Manifest:
    (only,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def test_the_operator_runs_with_the_flags_and_environment_it_reads(render: Render) -> None:
    operator = container(render("--set=log.format=text,log.level=debug"))
    assert operator["args"] == [
        "run", "--listen", "$(POD_IP):8080", "--log-format", "text", "--log-level", "debug",
        "--lease-times", "15,10,2",
    ]  # fmt: skip
    environment = {each["name"]: each for each in operator["env"]}
    assert environment["POD_IP"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
    assert (
        environment["POD_NAMESPACE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.namespace"
    )
    assert environment["POD_NAME"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert environment["PD_OPERATOR_NAME"]["value"] == "pd-operator"


def test_the_image_is_the_charts_version_unless_tag_or_digest_say_otherwise(render: Render) -> None:
    digest = "sha256:" + "a" * 64
    assert container(render())["image"] == "pd-operator/operator:0.1.0"
    assert container(render("--set=image.tag=dev"))["image"] == "pd-operator/operator:dev"
    assert (
        container(render(f"--set=image.tag=dev,image.digest={digest}"))["image"]
        == f"pd-operator/operator@{digest}"
    )


def test_arguments_volumes_and_the_security_context_are_the_values_too(render: Render) -> None:
    deployment = one(
        render(
            "--set=extraArgs={--log-level=debug}",
            "--set=securityContext.readOnlyRootFilesystem=false",
            "--set=extraVolumes[0].name=ca,extraVolumes[0].emptyDir.medium=Memory",
            "--set=extraVolumeMounts[0].name=ca,extraVolumeMounts[0].mountPath=/ca",
        ),
        "Deployment",
    )
    pod = deployment["spec"]["template"]["spec"]
    (operator,) = pod["containers"]
    assert operator["args"][-1] == "--log-level=debug"
    assert operator["securityContext"]["readOnlyRootFilesystem"] is False
    assert operator["securityContext"]["allowPrivilegeEscalation"] is False
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "ca"]
    assert [mount["mountPath"] for mount in operator["volumeMounts"]][-1] == "/ca"


def test_the_routers_sidecar_keeps_its_image_when_the_operators_changes(render: Render) -> None:
    def sidecar(*flags: str) -> str:
        environment = {each["name"]: each for each in container(render(*flags))["env"]}
        return str(environment["PD_OPERATOR_WORKER_TABLE_IMAGE"]["value"])

    pinned = "pd-operator/worker-table:0.1.0"
    assert sidecar() == sidecar("--set=image.tag=0.9.0") == pinned
    assert sidecar(f"--set=image.digest=sha256:{'a' * 64}") == pinned
    moved = "--set=workerTable.image.repository=sidecar,workerTable.image.tag=0.9.0"
    assert sidecar(moved) == "sidecar:0.9.0"
    assert sidecar(f"--set=workerTable.image.digest=sha256:{'b' * 64}").endswith("b" * 64)


def test_a_platform_that_gives_out_users_can_be_left_the_choice(
    render: Render, tmp_path: Path
) -> None:
    def context(*flags: str) -> Manifest:
        pod = one(render(*flags), "Deployment")["spec"]["template"]["spec"]
        return dict(pod["securityContext"])

    assert context()["runAsUser"] == 65532
    values = tmp_path / "values.yaml"
    values.write_text("podSecurityContext: {runAsUser: null, runAsGroup: null, fsGroup: null}\n")
    assert context(f"--values={values}") == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_a_second_pod_stands_by_also_in_a_rollout_and_when_a_node_goes(render: Render) -> None:
    manifests = render()
    spec = one(manifests, "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    pod = spec["template"]
    (spread,) = pod["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    budget = one(manifests, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_the_times_of_the_lease_reach_the_operator(render: Render) -> None:
    def times(*flags: str) -> str:
        arguments = container(render(*flags))["args"]
        return str(arguments[arguments.index("--lease-times") + 1])

    assert times() == "15,10,2"
    assert times("--set=leaderElection.leaseDurationSeconds=20") == "20,10,2"


def test_probes_and_service_reach_the_port_the_operator_listens_on(render: Render) -> None:
    manifests = render()
    operator = container(manifests)
    assert [(port["name"], port["containerPort"]) for port in operator["ports"]] == [("http", 8080)]
    probes = {name: operator[name]["httpGet"] for name in operator if name.endswith("Probe")}
    assert probes == {
        "startupProbe": {"path": "/healthz", "port": "http"},
        "livenessProbe": {"path": "/healthz", "port": "http"},
        "readinessProbe": {"path": "/readyz", "port": "http"},
    }
    pod_labels = one(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
    service = one(manifests, "Service")["spec"]
    assert service["selector"].items() <= pod_labels.items()
    assert service["ports"][0]["targetPort"] == "http"


def test_monitoring_objects_wait_for_their_kinds(render: Render) -> None:
    kinds = {"PodMonitor", "PrometheusRule"}
    assert not kinds & {each["kind"] for each in render()}
    assert kinds <= {each["kind"] for each in render(MONITORING)}
    off = render(MONITORING, "--set=podMonitor.enabled=false,prometheusRule.enabled=false")
    assert not kinds & {each["kind"] for each in off}


def test_the_pod_monitor_finds_the_operator_and_keeps_its_labels(render: Render) -> None:
    manifests = render(MONITORING, "--set=podMonitor.labels.release=prometheus")
    monitor = one(manifests, "PodMonitor")
    pod = one(manifests, "Deployment")["spec"]["template"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in container(manifests)["ports"]}
    assert endpoint["honorLabels"] is True
    # The services' PodMonitors, which the operator makes, are found by the same labels.
    arguments = container(manifests)["args"]
    assert arguments[arguments.index("--pod-monitor-label") + 1] == "release=prometheus"


def test_the_rules_are_the_file_that_promtool_checks_with_the_runbooks_prefix(
    render: Render, chart: Path
) -> None:
    shipped = yaml.safe_load((chart / "rules" / "pd-operator.yaml").read_text(encoding="utf-8"))
    assert one(render(MONITORING), "PrometheusRule")["spec"] == shipped

    rule = one(
        render(MONITORING, "--set=prometheusRule.runbookUrlPrefix=https://runbooks.test/"),
        "PrometheusRule",
    )
    urls = {
        each["annotations"]["runbook_url"]
        for group in rule["spec"]["groups"]
        for each in group["rules"]
        if "alert" in each
    }
    assert urls
    assert all(url.startswith("https://runbooks.test/docs/operations.md#pd") for url in urls)


def alerts(manifests: list[Manifest]) -> dict[str, set[str]]:
    """Severities of each alert that is rendered."""
    found: dict[str, set[str]] = {}
    for group in one(manifests, "PrometheusRule")["spec"]["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                found.setdefault(rule["alert"], set()).add(rule["labels"]["severity"])
    return found


def test_a_single_alert_is_switched_off_or_graded_anew(render: Render) -> None:
    shipped = alerts(render(MONITORING))
    setting = "--set=prometheusRule.alerts"
    changed = alerts(
        render(
            MONITORING,
            f"{setting}.PDServiceForecastDistrusted.enabled=false",
            f"{setting}.PDServiceErrorBudgetBurn.severity=page",
        )
    )
    assert shipped.pop("PDServiceForecastDistrusted") == {"info"}
    assert changed == shipped | {"PDServiceErrorBudgetBurn": {"page"}}


def test_every_alert_of_the_rules_and_no_other_may_be_set(chart: Path, render: Render) -> None:
    schema = yaml.safe_load((chart / "values.schema.json").read_text(encoding="utf-8"))
    settings = schema["properties"]["prometheusRule"]["properties"]["alerts"]["properties"]
    assert settings.keys() == alerts(render(MONITORING)).keys()


def test_common_labels_are_on_every_object_and_select_nothing(render: Render) -> None:
    flags = ("--set=commonLabels.team=ml", r"--set=commonLabels.app\.kubernetes\.io/name=mine")
    manifests = render(MONITORING, "--set=networkPolicy.enabled=true", *flags)
    for each in manifests:
        assert each["metadata"]["labels"]["team"] == "ml", each["kind"]
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "pd-operator"
    deployment = one(manifests, "Deployment")["spec"]
    assert deployment["template"]["metadata"]["labels"]["team"] == "ml"
    assert "team" not in deployment["selector"]["matchLabels"]
    assert "team" not in one(manifests, "Service")["spec"]["selector"]
    pod_labels = render(*flags, "--set=podLabels.team=serving")
    pod = one(pod_labels, "Deployment")["spec"]["template"]
    assert pod["metadata"]["labels"]["team"] == "serving"


@pytest.fixture(params=[b"pd_operator_leader 1", b"another program"], ids=["ours", "another"])
def answering(request: pytest.FixtureRequest) -> Iterator[tuple[str, bool]]:
    """The address of a server that answers with such metrics, and whether that is enough."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(request.param)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", request.param.startswith(b"pd_operator")
        server.shutdown()
        thread.join()


def test_helm_test_asks_the_operator_through_its_service(
    render: Render, answering: tuple[str, bool]
) -> None:
    manifests = render()
    test = one(manifests, "Pod")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    selector = one(manifests, "Service")["spec"]["selector"]
    assert not selector.items() <= test["metadata"]["labels"].items(), "the Service finds the test"
    (asks,) = test["spec"]["containers"]
    assert asks["image"] == container(manifests)["image"]
    assert asks["command"] == ["python", "-c"]
    script, address = asks["args"]
    assert address == "pd-operator.pd-operator-system.svc:8080"
    where, answers = answering
    said = subprocess.run(
        [sys.executable, "-c", script, where], capture_output=True, text=True, check=False
    )
    assert (said.returncode == 0) is answers, said.stderr


def test_grafanas_sidecar_finds_the_dashboards(render: Render, chart: Path) -> None:
    dashboards = one(render(), "ConfigMap")
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboards["metadata"]["annotations"] == {"grafana_folder": "pd-operator"}
    files = {file.name: file.read_text("utf-8") for file in (chart / "dashboards").iterdir()}
    assert dashboards["data"] == files
    assert {"slo-attainment.json", "fleet.json", "operator.json"} <= files.keys()

    elsewhere = one(
        render(
            "--set=dashboards.label=board,dashboards.namespace=grafana,dashboards.folder=",
            "--set-string=dashboards.labelValue=yes",
        ),
        "ConfigMap",
    )["metadata"]
    assert elsewhere["labels"]["board"] == "yes"
    assert elsewhere["namespace"] == "grafana"
    assert "annotations" not in elsewhere


def test_the_crd_is_the_repositorys_and_stays_on_uninstall(render: Render) -> None:
    (source,) = (ROOT / "crds").glob("*.yaml")
    generated = yaml.safe_load(source.read_text(encoding="utf-8"))
    shipped = one(render(), "CustomResourceDefinition")
    assert shipped["spec"] == generated["spec"]
    assert shipped["metadata"]["name"] == generated["metadata"]["name"]
    assert shipped["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    given_up = one(render("--set=crds.keep=false"), "CustomResourceDefinition")
    assert "annotations" not in given_up["metadata"]


def test_network_policy_lets_in_only_who_is_named_and_only_to_the_port(render: Render) -> None:
    peer = {"namespaceSelector": {"matchLabels": {"team": "observability"}}}
    policy = one(
        render(
            "--set=networkPolicy.enabled=true",
            "--set=networkPolicy.from[0].namespaceSelector.matchLabels.team=observability",
        ),
        "NetworkPolicy",
    )["spec"]
    assert policy["policyTypes"] == ["Ingress"]
    assert policy["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}], "from": [peer]}]


def test_notes_say_where_metrics_come_from_when_the_prometheus_operator_is_missing(
    run: Run, chart: Path
) -> None:
    notes = run(Program.HELM, "install", "pd-operator", chart, "--dry-run=client").stdout
    assert "so no PodMonitor and no PrometheusRule were created" in notes
