"""`$(NAME)` is expanded as Kubernetes' own examples say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd_e2e.nodes.expansion import expand

VARIABLES = {"A": "1", "HOST": "127.0.0.1", "NESTED": "$(A)"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("http://$(HOST):80/$(A)", "http://127.0.0.1:80/1"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$", "$$"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
        ("$(NESTED)", "$(A)"),
        ("", ""),
    ],
)
def test_references_are_replaced_once_and_escapes_are_honored(text: str, expanded: str) -> None:
    assert expand(text, VARIABLES) == expanded


@given(st.text())
def test_a_doubled_dollar_protects_any_text(text: str) -> None:
    assert expand(text.replace("$", "$$"), VARIABLES) == text
