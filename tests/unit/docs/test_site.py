"""The documentation as a site."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from scripts.api_reference import page
from scripts.docs_links import BrokenLinkError, outward

ROOT = Path(__file__).parents[3]
CRD = ROOT / "crds" / "serving.pd-operator.io_pdinferenceservices.yaml"
REPOSITORY = "https://repository.test"


def test_the_reference_of_the_api_is_as_generated() -> None:
    generated = page(yaml.safe_load(CRD.read_text(encoding="utf-8")))
    shown = (ROOT / "docs" / "api-reference.md").read_text(encoding="utf-8")
    assert shown == generated, "make api-reference"


def test_the_reference_shows_what_a_field_may_be() -> None:
    shown = page(yaml.safe_load(CRD.read_text(encoding="utf-8")))
    assert "## spec.autoscaling.schedules[]\n" in shown
    assert "| **`maxReplicas`** | integer, 1 to 1000 |" in shown
    assert "- minReplicas must not exceed maxReplicas\n" in shown


def test_a_link_out_of_the_documents_leads_into_the_repository() -> None:
    source = ROOT / "docs" / "benchmarks" / "forecast.md"
    written = "[a](../../README.md#status) [b](../concepts.md) [c](https://x.test) [d](../../e2e)"
    assert outward(written, source, REPOSITORY) == (
        f"[a]({REPOSITORY}/blob/main/README.md#status) [b](../concepts.md) "
        f"[c](https://x.test) [d]({REPOSITORY}/tree/main/e2e)"
    )


@pytest.mark.parametrize("path", ["../absent.md", "../../../etc/passwd"])
def test_a_link_that_leads_nowhere_is_named(path: str) -> None:
    with pytest.raises(BrokenLinkError, match="leads nowhere"):
        outward(f"[a]({path})", ROOT / "docs" / "index.md", REPOSITORY)


class TestBuild:
    """`make docs`."""

    @pytest.fixture
    def pages(self, tmp_path: Path) -> Path:
        """The documents, to be changed."""
        pytest.importorskip("material", reason="needs the extra docs: make test installs it")
        shutil.copytree(ROOT / "docs", tmp_path / "docs")
        return tmp_path / "docs"

    def test_the_site_is_built_and_fetches_nothing(self, pages: Path, tmp_path: Path) -> None:
        built = build(ROOT / "docs", tmp_path / "site")
        assert built.returncode == 0, built.stderr
        text = (tmp_path / "site" / "getting-started" / "index.html").read_text(encoding="utf-8")
        assert "fonts.googleapis" not in text
        assert (tmp_path / "site" / "images" / "demo.svg").is_file()
        assert pages.is_dir()

    @pytest.mark.parametrize("added", ["[a](no-such-page.md)", "[a](concepts.md#no-heading)"])
    def test_a_broken_link_ends_it(self, pages: Path, tmp_path: Path, added: str) -> None:
        with (pages / "index.md").open("a", encoding="utf-8") as index:
            index.write(f"\n{added}\n")
        # Only this link is to be found: those into the repository are of the copy's own place.
        built = build(pages, tmp_path / "site", hooks=False)
        assert built.returncode != 0
        assert added.partition("(")[2].rstrip(")").partition("#")[2] in built.stderr


def build(pages: Path, site: Path, *, hooks: bool = True) -> subprocess.CompletedProcess[str]:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    settings = settings.replace("docs_dir: docs", f"docs_dir: {pages}")
    settings = settings.replace("site_dir: build/site", f"site_dir: {site}")
    hook = f"hooks: [{ROOT / 'scripts' / 'docs_links.py'}]" if hooks else ""
    settings = settings.replace("hooks: [scripts/docs_links.py]", hook)
    file = site.parent / "mkdocs.yml"
    file.write_text(settings, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--config-file", file],
        capture_output=True, text=True, check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
    )  # fmt: skip
