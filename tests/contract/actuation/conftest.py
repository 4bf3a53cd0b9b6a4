"""A PDInferenceService in the real API server, and the operator's own client for it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_e2e.cluster.controlplane import ControlPlane
from pd_operator.actuation.cluster import Cluster
from pd_operator.api.v1alpha1 import PDInferenceService

REPOSITORY = Path(__file__).resolve().parents[3]
CRD = REPOSITORY / "crds" / "serving.pd-operator.io_pdinferenceservices.yaml"
EXAMPLE = REPOSITORY / "examples" / "pdservice.yaml"


@pytest.fixture(scope="session")
def crd(control_plane: ControlPlane) -> None:
    control_plane.serve_crds(CRD)


@pytest.fixture
def cluster_api(control_plane: ControlPlane) -> Cluster:
    return Cluster(control_plane.admin)


@pytest.fixture
def service(crd: None, control_plane: ControlPlane, namespace: str) -> PDInferenceService:
    manifest = yaml.safe_load(EXAMPLE.read_text())
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input_text=yaml.safe_dump(manifest))
    return read_service(control_plane, namespace)


def read_service(control_plane: ControlPlane, namespace: str) -> PDInferenceService:
    stored: dict[str, Any] = json.loads(
        control_plane.kubectl("get", "pdis", "chat", "-n", namespace, "-o", "json")
    )
    return PDInferenceService.parse(stored)
