"""The downward API's values."""

from decimal import Decimal

import pytest

from pd_e2e.nodes.podfacts import PodFacts, UnknownFieldError, quantity

FACTS = PodFacts(
    pod={
        "metadata": {
            "name": "p",
            "namespace": "n",
            "uid": "u",
            "labels": {"a/b": "c", "z": "y"},
        },
        "spec": {"nodeName": "node-0"},
    },
    pod_ip="127.64.0.1",
    host_ip="127.0.0.1",
    allocatable={"cpu": "64"},
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "p"),
        ("metadata.labels['a/b']", "c"),
        ("metadata.annotations['none']", ""),
        ("spec.nodeName", "node-0"),
        ("spec.serviceAccountName", "default"),
        ("status.podIP", "127.64.0.1"),
    ],
)
def test_fields_have_the_pods_values(path: str, value: str) -> None:
    assert FACTS.field(path) == value


def test_a_field_that_the_downward_api_lacks_is_refused() -> None:
    with pytest.raises(UnknownFieldError, match=r"spec\.hostNetwork"):
        FACTS.field("spec.hostNetwork")


def test_a_volume_may_show_all_labels() -> None:
    assert FACTS.mapping("metadata.labels") == 'a/b="c"\nz="y"'


@pytest.mark.parametrize(
    ("resource", "divisor", "value"),
    [
        ("limits.memory", "1Mi", "1536"),
        ("limits.memory", "0", "1610612736"),
        ("requests.cpu", "1", "1"),
        ("requests.cpu", "1m", "250"),
        ("limits.cpu", "1", "64"),
    ],
)
def test_resources_are_counted_in_their_divisor_and_rounded_up(
    resource: str, divisor: str, value: str
) -> None:
    container = {"resources": {"limits": {"memory": "1536Mi"}, "requests": {"cpu": "250m"}}}
    assert FACTS.resource(container, {"resource": resource, "divisor": divisor}) == value


@pytest.mark.parametrize(("text", "value"), [("500m", "0.5"), ("2Ki", "2048"), ("3", "3")])
def test_quantities_are_read_with_their_suffix(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)
