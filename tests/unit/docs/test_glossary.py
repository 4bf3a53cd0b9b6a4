"""The glossary is in order, and leads to what it speaks of."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^\*\*(.+?)\*\*:", TEXT, re.MULTILINE)
CODE = ROOT / "operator" / "src" / "pd_operator"


def test_the_terms_are_in_alphabetical_order() -> None:
    assert sorted(TERMS, key=str.lower) == TERMS
    assert len(set(TERMS)) == len(TERMS)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/.]+\.py)`", TEXT))))
def test_every_file_that_the_glossary_names_is_there(path: str) -> None:
    assert (CODE / path).is_file() or (ROOT / path).is_file()


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md"])
def test_a_newcomer_is_sent_to_the_glossary(document: str) -> None:
    assert "glossary.md" in (ROOT / document).read_text(encoding="utf-8")
