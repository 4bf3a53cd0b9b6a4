"""The plug-in for other platforms: of their wheels, each named in krew's manifest."""

import zipfile
from pathlib import Path

import yaml
from scripts.release import plugin
from scripts.release.version import Version

LIBRARIES = f"lib/python{plugin.python_version()}/site-packages"


def wheel(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


def test_what_is_never_loaded_is_left_out_of_a_wheel_too(tmp_path: Path) -> None:
    kubernetes = wheel(
        tmp_path / "kubernetes-1-py3-none-any.whl",
        "kubernetes/client/models/__init__.py",
        "kubernetes/client/models/v1_pod.py",
        "kubernetes/aio/client/rest.py",
        "kubernetes/client/rest.py",
    )
    numpy = wheel(tmp_path / "numpy-1.whl", "numpy/core.darwin.so", "numpy/tests/test_core.py")
    (tmp_path / "LICENSE").write_text("Apache-2.0")
    plugin.fill_with_wheels(tmp_path / "out", [kubernetes, numpy], tmp_path / "LICENSE")
    found = {
        str(path.relative_to(tmp_path / "out"))
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == {
        "LICENSE",
        "kubectl-pd",
        f"{LIBRARIES}/kubernetes/client/models/__init__.py",
        f"{LIBRARIES}/kubernetes/client/rest.py",
        f"{LIBRARIES}/numpy/core.darwin.so",
    }


def test_the_manifest_has_an_archive_for_each_platform() -> None:
    archives = [
        plugin.Archive("linux", "amd64", "kubectl-pd-0.2.0-linux-amd64.tar.gz", "aa"),
        plugin.Archive("darwin", "arm64", "kubectl-pd-0.2.0-darwin-arm64.tar.gz", "bb"),
    ]
    manifest = yaml.safe_load(
        plugin.krew_manifest(Version("0.2.0", "0.2.0"), archives, "https://example.com/v0.2.0")
    )
    assert [
        (each["selector"]["matchLabels"], each["uri"], each["sha256"])
        for each in manifest["spec"]["platforms"]
    ] == [
        (
            {"os": "linux", "arch": "amd64"},
            "https://example.com/v0.2.0/kubectl-pd-0.2.0-linux-amd64.tar.gz",
            "aa",
        ),
        (
            {"os": "darwin", "arch": "arm64"},
            "https://example.com/v0.2.0/kubectl-pd-0.2.0-darwin-arm64.tar.gz",
            "bb",
        ),
    ]
