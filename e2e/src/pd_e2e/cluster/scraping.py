"""What the cluster's Prometheus scrapes, and the labels that every series carries.

The relabelings are those of the PodMonitor in the chart: `namespace`, `pod`, `pd_service` and
`pd_role` (prefill, decode or router). An engine and the operator are scraped at the container port
`http`, a router at `metrics`.
"""

from pathlib import Path
from typing import Any

_META = "__meta_kubernetes_pod_"
_SERVICE_LABEL = "serving_pd_operator_io_service"
_ROLE_LABEL = "serving_pd_operator_io_role"


def prometheus_config(
    kubeconfig: Path, scrape_interval_seconds: int, rule_files: tuple[Path, ...]
) -> dict[str, Any]:
    """Return the configuration of a Prometheus that finds pods through the API server."""
    interval = f"{scrape_interval_seconds}s"
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": [str(path) for path in rule_files],
        "scrape_configs": [
            {
                "job_name": "pods",
                # The operator's series name the service's namespace, which is not its own.
                "honor_labels": True,
                "kubernetes_sd_configs": [{"role": "pod", "kubeconfig_file": str(kubeconfig)}],
                "relabel_configs": _relabelings(),
            }
        ],
    }


def _relabelings() -> list[dict[str, Any]]:
    return [
        {
            "source_labels": [
                f"{_META}label_app_kubernetes_io_part_of",
                f"{_META}labelpresent_{_SERVICE_LABEL}",
            ],
            "regex": "pd-operator;.*|.*;true",
            "action": "keep",
        },
        {
            "source_labels": [f"{_META}label_{_ROLE_LABEL}", f"{_META}container_port_name"],
            "regex": "router;metrics|(prefill|decode|);http",
            "action": "keep",
        },
        {
            "source_labels": [f"{_META}phase"],
            "regex": "Succeeded|Failed",
            "action": "drop",
        },
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{_META}name"], "target_label": "pod"},
        {"source_labels": [f"{_META}label_{_SERVICE_LABEL}"], "target_label": "pd_service"},
        {"source_labels": [f"{_META}label_{_ROLE_LABEL}"], "target_label": "pd_role"},
    ]
