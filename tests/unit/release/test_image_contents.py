"""What an image's archive says is installed, through its layers."""

import hashlib
import json
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from scripts.release.image_contents import Contents, Installed, NoLayoutError, contents
from scripts.release.sbom import image_bill_of_materials

SITE = "opt/pd-operator/lib/python3.13/site-packages"
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.41-12

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
"""


def packed(files: dict[str, str]) -> bytes:
    target = BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, BytesIO(text.encode()))
    return target.getvalue()


def archive(path: Path, *layers: dict[str, str]) -> Path:
    """An OCI archive of these layers, the lowest first."""
    blobs: dict[str, bytes] = {}

    def stored(content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}

    manifest = stored(json.dumps({"layers": [stored(packed(each)) for each in layers]}).encode())
    blobs["index.json"] = json.dumps({"manifests": [manifest]}).encode()
    with tarfile.open(path, "w") as tar:
        for name, content in blobs.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return path


def distribution(name: str, version: str) -> dict[str, str]:
    folder = f"./{SITE}/{name}-{version}.dist-info"
    return {f"{folder}/METADATA": f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n\n# x"}


@pytest.fixture
def image(tmp_path: Path) -> Contents:
    base = {"var/lib/dpkg/status": STATUS, "etc/os-release": 'ID=debian\nVERSION_ID="13"\n'}
    lower = base | distribution("Kopf_Framework", "1.45.0") | distribution("pip", "25.0")
    upper = {f"{SITE}/.wh.pip-25.0.dist-info": "", "etc/other": ""}
    return contents(archive(tmp_path / "image.tar", lower, upper))


def test_packages_of_the_system_and_of_python_are_found_and_removed_ones_are_not(
    image: Contents,
) -> None:
    assert image == Contents(
        (
            Installed("deb", "libc6", "2.41-12", "amd64"),
            Installed("pypi", "kopf-framework", "1.45.0"),
        ),
        "debian-13",
    )


def test_the_bill_names_them_as_scanners_look_them_up(image: Contents) -> None:
    bill = json.loads(image_bill_of_materials("operator", "0.2.0", image))
    assert bill["metadata"]["component"]["type"] == "container"
    assert {component["purl"] for component in bill["components"]} == {
        "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13",
        "pkg:pypi/kopf-framework@1.45.0",
    }


def test_a_distroless_image_has_a_file_for_each_package(tmp_path: Path) -> None:
    status = "Package: tzdata\nArchitecture: all\nVersion: 2026a\nDescription: x\n y\n"
    found = contents(archive(tmp_path / "d.tar", {"var/lib/dpkg/status.d/tzdata": status}))
    assert found.packages == (Installed("deb", "tzdata", "2026a", "all"),)


def test_what_is_no_oci_archive_is_said_to_be_none(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "old.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("manifest.json"))
    with pytest.raises(NoLayoutError, match=r"old\.tar is no OCI archive"):
        contents(tmp_path / "old.tar")
