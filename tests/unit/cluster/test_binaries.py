"""What is built, from which versions, and what is taken from elsewhere."""

from pathlib import Path

import pytest

from pd_e2e.cluster.binaries import ensure_programs, pending_families
from pd_e2e.cluster.families import FAMILIES, Family, Program
from pd_e2e.cluster.progress import SilentProgress


def test_every_program_comes_from_exactly_one_family() -> None:
    built = [program for family in FAMILIES for program in family.packages]
    assert sorted(built) == sorted(Program)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_versions_are_those_that_go_mod_pins(family: Family) -> None:
    go_mod = (family.directory / "go.mod").read_text()
    assert f"{family.module} {family.version}" in go_mod
    assert f"\ngo {family.go_version}\n" in go_mod


def test_kubernetes_is_told_its_version_by_the_linker() -> None:
    (kubernetes,) = [family for family in FAMILIES if family.name == "kubernetes"]
    flags = " ".join(kubernetes.build_flags())
    assert f"version.gitVersion={kubernetes.version}" in flags
    assert f"version.gitMinor={kubernetes.version.split('.')[1]}" in flags


def test_an_empty_cache_wants_everything_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    assert pending_families(Program) == list(FAMILIES)


def test_assets_of_kubebuilder_are_used_and_not_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / name).touch()
    wanted = (Program.ETCD, Program.KUBECTL)
    programs = ensure_programs(wanted, SilentProgress())
    assert programs[Program.ETCD] == tmp_path / "etcd"
    assert programs[Program.KUBECTL] == tmp_path / "kubectl"
    assert [family.name for family in pending_families((*wanted, Program.HELM))] == ["helm"]
