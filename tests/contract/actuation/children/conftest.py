from pathlib import Path

import pytest

from pd_e2e.cluster.controlplane import ControlPlane

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that knows the kind PDInferenceService."""
    control_plane.kubectl(
        "apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'crds'}"
    )
    control_plane.kubectl(
        "wait", "crd/pdinferenceservices.serving.pd-operator.io", "--for=condition=Established"
    )
    return control_plane
