"""Whose an object is that has a child's name."""

from typing import Any

import pytest

from pd_operator.actuation.ownership import objection
from pd_operator.api.names import ANNOTATION_ADOPT

US = {"kind": "PDInferenceService", "name": "chat", "uid": "us", "controller": True}
CHILD = {
    "kind": "Service",
    "metadata": {"name": "chat", "namespace": "team", "ownerReferences": [US]},
}


def stored(*owners: dict[str, Any], **annotations: str) -> dict[str, Any]:
    metadata = {"name": "chat", "namespace": "team", "annotations": annotations}
    return {"kind": "Service", "metadata": metadata | {"ownerReferences": list(owners)}}


def test_what_has_our_uid_among_its_owners_is_ours() -> None:
    assert objection(stored(US), CHILD) is None
    assert objection(stored({"kind": "Other", "name": "x", "uid": "x"}, US), CHILD) is None


def test_what_nobody_owns_is_somebody_elses_until_it_is_handed_over() -> None:
    said = objection(stored(), CHILD)
    assert said is not None
    assert f"{ANNOTATION_ADOPT}=chat" in said
    assert objection(stored(**{ANNOTATION_ADOPT: "chat"}), CHILD) is None
    assert objection(stored(**{ANNOTATION_ADOPT: ""}), CHILD) is not None


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        (US | {"uid": "before"}, "belongs to a deleted PDInferenceService of this name"),
        (US | {"name": "chat-prefill", "uid": "x"}, "to PDInferenceService chat-prefill"),
        (US | {"kind": "Deployment", "uid": "x"}, "belongs to Deployment chat"),
    ],
)
def test_what_has_another_controller_cannot_be_handed_over(
    owner: dict[str, Any], said: str
) -> None:
    found = objection(stored(owner, **{ANNOTATION_ADOPT: "chat"}), CHILD)
    assert found is not None
    assert said in found
