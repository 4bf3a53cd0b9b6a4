"""Every reason that the operator gives is in the page that says what to do about it."""

from pathlib import Path

import pytest

from pd_operator.api.conditions import ConditionReason, ConditionType
from pd_operator.controller.status.events import EventReason

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
WHEN_THINGS_FAIL = PAGE[PAGE.index("\n## When things fail") : PAGE.index("\n## Runbooks")]
EVERY_REASON = WHEN_THINGS_FAIL[WHEN_THINGS_FAIL.index("\n### Every reason") :]


@pytest.mark.parametrize("word", [*ConditionType, *ConditionReason], ids=str)
def test_a_condition_and_each_of_its_reasons_have_their_line(word: str) -> None:
    assert f"`{word}`" in EVERY_REASON


@pytest.mark.parametrize("reason", list(EventReason), ids=str)
def test_an_event_is_explained(reason: str) -> None:
    assert reason in WHEN_THINGS_FAIL
