"""Makes a release of the commit that is checked out: `make release`.

Into dist/ go wheel, sdist, chart package and its OCI layout, plug-in archive with krew's manifest,
bill of materials, release notes, images where there is a builder, and checksums of all.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Annotated

import typer
from scripts.release import plugin
from scripts.release.closure import closure
from scripts.release.notes import NotesError, release_notes
from scripts.release.oci_layout import write_layout
from scripts.release.sbom import bill_of_materials
from scripts.release.staging import CHART, stage
from scripts.release.version import Version, VersionError, of_repository

from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.families import Program

ROOT = Path(__file__).resolve().parents[2]


def release(
    dist: Annotated[Path, typer.Option(help="Where it all goes; made anew.")] = ROOT / "dist",
    url: Annotated[
        str, typer.Option(help="Where the files will be published: the plug-in's manifest says so.")
    ] = "https://pd-operator.io/releases",
    images: Annotated[bool, typer.Option(help="Build images where a builder is at hand.")] = True,
) -> None:
    """Make everything that a release consists of, from the commit that is checked out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    try:
        version = of_repository(ROOT, project["version"])
        notes = release_notes((ROOT / "CHANGELOG.md").read_text("utf-8"), version.semantic)
    except (VersionError, NotesError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="pd-operator-release-") as scratch:
        staged = Path(scratch, "source")
        stage(ROOT, staged, version)
        wheel = _distributions(staged, dist)
        _chart(staged, dist, version)
        _plugin(Path(scratch, "plugin"), wheel, dist, version, f"{url}/v{version.semantic}")
        if images:
            _images(staged, dist, version)
    needed = closure(["pd-operator[operator]"])
    (dist / "sbom.cdx.json").write_text(bill_of_materials(version.python, needed), "utf-8")
    (dist / "release-notes.md").write_text(notes, "utf-8")
    _checksums(dist)
    typer.echo(f"Release {version.semantic} is in {dist}:")
    for path in sorted(each for each in dist.iterdir() if each.is_file()):
        typer.echo(f"  {path.stat().st_size / 1e6:8.2f} MB  {path.name}")


def _distributions(staged: Path, dist: Path) -> Path:
    """Build wheel and sdist; returns the wheel."""
    _run(sys.executable, "-m", "hatchling", "build", "--directory", dist, cwd=staged)
    (wheel,) = dist.glob("*.whl")
    return wheel


def _chart(staged: Path, dist: Path, version: Version) -> None:
    """Package the chart, and write its OCI layout."""
    helm = ensure_programs([Program.HELM])[Program.HELM]
    _run(helm, "package", staged / CHART, "--destination", dist)
    package = dist / f"pd-operator-{version.semantic}.tgz"
    write_layout(package, dist / "chart-oci")


def _plugin(folder: Path, wheel: Path, dist: Path, version: Version, url: str) -> None:
    """Pack the plug-in, and write krew's manifest."""
    plugin.fill(folder, wheel, closure(["pd-operator[cli]"]), ROOT / "LICENSE")
    system, architecture = plugin.os_and_architecture()
    name = f"kubectl-pd-{version.semantic}-{system}-{architecture}.tar.gz"
    digest = plugin.archive(folder, dist / name)
    manifest = plugin.krew_manifest(version, name, digest, url)
    (dist / "krew-pd.yaml").write_text(manifest, "utf-8")


def _images(staged: Path, dist: Path, version: Version) -> None:
    """Build and save the images with the builder that is at hand; without one, say so."""
    settings = [f"TAG={version.semantic}", f"SAVE={dist.resolve()}"]
    _run("env", *settings, staged / "scripts" / "build_images.sh", cwd=staged)


def _checksums(dist: Path) -> None:
    """Write the SHA-256 of every file, as `sha256sum --check` reads it."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(dist)}\n"
        for path in sorted(dist.rglob("*"))
        if path.is_file()
    ]
    (dist / "SHA256SUMS").write_text("".join(lines), "utf-8")


def _run(*command: str | Path, cwd: Path | None = None) -> None:
    subprocess.run([str(each) for each in command], cwd=cwd, check=True)  # noqa: S603


if __name__ == "__main__":
    typer.run(release)
