"""A container's variables, from all their sources."""

import pytest

from pd_e2e.nodes.environment import MissingReferenceError, Reference, references, variables
from pd_e2e.nodes.podfacts import PodFacts

FACTS = PodFacts(
    pod={"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {}},
    pod_ip="127.64.0.1",
    host_ip="127.0.0.1",
    allocatable={},
)
CONFIG = Reference("configmaps", "config")
SECRET = Reference("secrets", "secret")
CONTAINER = {
    "env": [
        {"name": "PLAIN", "value": "plain"},
        {"name": "COMPOSED", "value": "$(PLAIN)-$(FROM_MAP)"},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "k"}}},
    ],
    "envFrom": [{"configMapRef": {"name": "config"}}],
}


def test_later_sources_may_refer_to_earlier_ones() -> None:
    contents = {CONFIG: {"FROM_MAP": "mapped", "PLAIN": "overridden"}, SECRET: {"k": "v"}}
    found = variables(CONTAINER, FACTS, {"PATH": "/bin"}, contents)
    assert found == {
        "PATH": "/bin",
        "FROM_MAP": "mapped",
        "PLAIN": "plain",
        "COMPOSED": "plain-mapped",
        "KEY": "v",
    }


def test_an_environment_says_which_objects_it_needs() -> None:
    assert references(CONTAINER) == {CONFIG, SECRET}


def test_a_missing_object_or_key_is_named() -> None:
    with pytest.raises(MissingReferenceError, match='configmap "config" not found'):
        variables(CONTAINER, FACTS, {}, {CONFIG: None, SECRET: {"k": "v"}})
    with pytest.raises(MissingReferenceError, match='key "k" in secret "secret"'):
        variables(CONTAINER, FACTS, {}, {CONFIG: {}, SECRET: {"other": "v"}})


def test_what_is_optional_may_be_missing() -> None:
    key = {"name": "config", "key": "k", "optional": True}
    container = {
        "env": [{"name": "A", "valueFrom": {"configMapKeyRef": key}}],
        "envFrom": [{"secretRef": {"name": "secret", "optional": True}}],
    }
    assert variables(container, FACTS, {}, {CONFIG: None, SECRET: None}) == {}
