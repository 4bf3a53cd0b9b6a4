"""A service as the API server would hand it to a command."""

from typing import Any

from pd_operator.api.v1alpha1 import PDInferenceService

SPEC: dict[str, Any] = {
    "model": {"path": "org/model"},
    "engine": {"profile": {"name": "llama-3.1-8b-l40s"}},
    "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
    "prefill": {"maxReplicas": 8},
    "decode": {"maxReplicas": 8},
    "metrics": {"prometheusUrl": "http://prometheus:9090"},
}


def a_service(**status: Any) -> PDInferenceService:
    return PDInferenceService.parse(
        {
            "apiVersion": "serving.pd-operator.io/v1alpha1",
            "kind": "PDInferenceService",
            "metadata": {"name": "chat", "namespace": "team", "uid": "u", "generation": 1},
            "spec": SPEC,
            "status": status,
        }
    )
