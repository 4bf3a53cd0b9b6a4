from pathlib import Path

import pytest

from pd_e2e.cluster.controlplane import ControlPlane

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that knows the kind PDInferenceService."""
    control_plane.serve_crds(ROOT / "crds")
    return control_plane
