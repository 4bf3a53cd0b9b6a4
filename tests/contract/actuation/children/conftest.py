from pathlib import Path

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.cluster.waiting import eventually

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that knows the kind PDInferenceService."""
    control_plane.kubectl(
        "apply", "--server-side", "--force-conflicts", f"--filename={ROOT / 'crds'}"
    )
    # Right after it was made a CRD has no conditions yet, which kubectl takes for an error.
    known = (
        "wait",
        "crd/pdinferenceservices.serving.pd-operator.io",
        "--for=condition=Established",
    )
    eventually(lambda: control_plane.kubectl(*known))
    return control_plane
