from collections.abc import Iterator
from pathlib import Path

import pytest

from pd_e2e.cluster.controlplane import ControlPlane
from pd_e2e.engine.processes import Fleet

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> ControlPlane:
    """A control plane that knows the kind PDInferenceService."""
    control_plane.serve_crds(ROOT / "crds")
    return control_plane


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Engine processes of one test."""
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.stop()
