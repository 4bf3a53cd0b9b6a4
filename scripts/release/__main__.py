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
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from scripts.release import plugin
from scripts.release.closure import closure
from scripts.release.image_contents import NoLayoutError, contents
from scripts.release.notes import NotesError, release_notes
from scripts.release.oci_layout import write_layout
from scripts.release.sbom import bill_of_materials, image_bill_of_materials
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
    platform: Annotated[
        list[str] | None,
        typer.Option(
            help="A platform to pack the plug-in for beside this one, such as darwin/arm64; may be "
            f"given several times. From pip's registry. One of {', '.join(plugin.OTHERS)}."
        ),
    ] = None,
    images: Annotated[bool, typer.Option(help="Build images where a builder is at hand.")] = True,
) -> None:
    """Make everything that a release consists of, from the commit that is checked out."""
    unknown = set(platform or ()) - set(plugin.OTHERS)
    if unknown:
        raise typer.BadParameter(f"no plug-in is made for {', '.join(sorted(unknown))}")
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
        archives = _plugins(Path(scratch, "plugins"), wheel, dist, version, platform or ())
        manifest = plugin.krew_manifest(version, archives, f"{url}/v{version.semantic}")
        (dist / "krew-pd.yaml").write_text(manifest, "utf-8")
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


def _plugins(
    scratch: Path, wheel: Path, dist: Path, version: Version, others: Iterable[str]
) -> list[plugin.Archive]:
    """Pack the plug-in: of what is installed here for this platform, of wheels for others."""
    here = "/".join(plugin.os_and_architecture())
    plugin.fill(scratch / here, wheel, closure(["pd-operator[cli]"]), ROOT / "LICENSE")
    for name in sorted({*others} - {here}):
        wheels = scratch / "wheels" / name
        found = plugin.download(plugin.OTHERS[name], wheel, ROOT / "constraints.txt", wheels)
        plugin.fill_with_wheels(scratch / name, found, ROOT / "LICENSE")
    archives = []
    for name in (here, *sorted({*others} - {here})):
        system, architecture = name.split("/")
        file = f"kubectl-pd-{version.semantic}-{system}-{architecture}.tar.gz"
        digest = plugin.archive(scratch / name, dist / file)
        archives.append(plugin.Archive(system, architecture, file, digest))
    return archives


def _images(staged: Path, dist: Path, version: Version) -> None:
    """Build and save the images with the builder at hand, and their bills; without one, say so."""
    settings = [f"TAG={version.semantic}", f"SAVE={dist.resolve()}"]
    _run("env", *settings, staged / "scripts" / "build_images.sh", cwd=staged)
    for saved in sorted(dist.glob(f"image-*-{version.semantic}.tar")):
        name = saved.stem.removeprefix("image-").removesuffix(f"-{version.semantic}")
        try:
            found = contents(saved)
        except NoLayoutError as error:
            typer.echo(f"No bill of materials of an image: {error}", err=True)
            continue
        bill = image_bill_of_materials(name, version.semantic, found)
        (dist / f"sbom-{name}.cdx.json").write_text(bill, "utf-8")


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
