"""Two releases of the chart in one cluster, which has one CRD."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pd_e2e.cluster.controlplane import ControlPlane

pytestmark = pytest.mark.controlplane

CRD = "pdinferenceservices.serving.pd-operator.io"
TAKE_OVER = ("--set=crds.takeOwnership=true", "--take-ownership", "--force-conflicts")


class Releases:
    """helm in two namespaces."""

    def __init__(self, control_plane: ControlPlane, chart: Path) -> None:
        self._control_plane = control_plane
        self._chart = chart
        self.installed: list[str] = []

    def install(self, team: str, *flags: str) -> str:
        """What helm says of an installation that watches the team's own namespace."""
        self.installed.append(team)
        return self._control_plane.helm(
            "install", team, str(self._chart), f"--namespace={team}", "--create-namespace",
            f"--set=watchNamespaces={{{team}}}", *flags,
        )  # fmt: skip

    def upgrade(self, team: str, *flags: str) -> str:
        return self._control_plane.helm(
            "upgrade", team, str(self._chart), f"--namespace={team}", "--reuse-values", *flags
        )

    def uninstall(self, team: str) -> None:
        self._control_plane.helm("uninstall", team, f"--namespace={team}")
        self.installed.remove(team)

    def owner(self) -> str:
        """The release that the CRD belongs to."""
        said = self._control_plane.kubectl("get", "crd", CRD, "--output=json")
        annotations: dict[str, Any] = json.loads(said)["metadata"]["annotations"]
        return str(annotations["meta.helm.sh/release-name"])


@pytest.fixture
def releases(control_plane: ControlPlane, chart: Path) -> Iterator[Releases]:
    releases = Releases(control_plane, chart)
    yield releases
    for team in tuple(releases.installed):
        releases.uninstall(team)
    for team in ("team-a", "team-b"):
        control_plane.kubectl("delete", "namespace", team, "--wait=false", "--ignore-not-found")


def test_a_second_release_installs_beside_the_first_and_takes_the_crd_over_on_demand(
    releases: Releases,
) -> None:
    # Tests before this one may have put the CRD there by hand.
    releases.install("team-a", *TAKE_OVER)
    assert releases.owner() == "team-a"

    notes = releases.install("team-b")
    assert "belongs to release team-a in namespace team-a" in notes
    assert "--set crds.takeOwnership=true --take-ownership" in notes
    assert releases.owner() == "team-a"
    # Upgrades of either leave it where it is.
    assert "belongs to release" not in releases.upgrade("team-a")
    releases.upgrade("team-b")
    assert releases.owner() == "team-a"

    # Uninstalled, the first leaves the CRD behind, and the other can look after it.
    releases.uninstall("team-a")
    assert releases.owner() == "team-a"
    releases.upgrade("team-b", *TAKE_OVER)
    assert releases.owner() == "team-b"
    # A reinstallation elsewhere is a second release, too.
    assert "belongs to release team-b" in releases.install("team-a")
