from typing import Any

import pytest


@pytest.fixture
def minimal() -> dict[str, Any]:
    """The smallest service: everything else is a default."""
    return {
        "apiVersion": "serving.pd-operator.io/v1alpha1",
        "kind": "PDInferenceService",
        "metadata": {"name": "chat", "namespace": "serving"},
        "spec": {
            "model": {"path": "org/model"},
            "engine": {"profile": {"name": "llama-3.1-70b-h100"}},
            "objectives": {"ttft": {"milliseconds": 800}, "tpot": {"milliseconds": 40}},
            "prefill": {"maxReplicas": 8},
            "decode": {"maxReplicas": 8},
            "metrics": {"prometheusUrl": "http://prometheus:9090"},
        },
    }
