"""Image references are looked up by repository."""

import json
from pathlib import Path

import pytest

from pd_e2e.nodes.images import ImageCatalog, repository_of


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("python", "python"),
        ("python:3.11", "python"),
        ("lmsysorg/sglang:v0.5.23", "lmsysorg/sglang"),
        ("registry:5000/a/b", "registry:5000/a/b"),
        ("registry:5000/a/b:v1@sha256:abc", "registry:5000/a/b"),
    ],
)
def test_tag_and_digest_do_not_matter(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


def test_a_catalog_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text(json.dumps({"a/b": {"path": ["/x"], "entrypoint": ["run"]}}))
    catalog = ImageCatalog.from_file(file)
    image = catalog.find("a/b:v2")
    assert image is not None
    assert image.entrypoint == ("run",)
    assert catalog.find("a/c:v2") is None


def test_a_misspelled_field_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "images.json"
    file.write_text(json.dumps({"a/b": {"entry_point": ["run"]}}))
    with pytest.raises(ValueError, match=r"a/b.*entry_point"):
        ImageCatalog.from_file(file)
