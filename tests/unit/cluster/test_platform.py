"""Where the embedded cluster cannot run, it says so and names the other way."""

import sys
from pathlib import Path

import pytest

from pd_e2e.cluster.binaries import Programs
from pd_e2e.cluster.controlplane import ControlPlane, UnsupportedPlatformError


def test_another_system_than_linux_is_pointed_to_kind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UnsupportedPlatformError, match=r"docs/kind\.md"):
        ControlPlane(Programs({}), tmp_path)
