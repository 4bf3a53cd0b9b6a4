"""The fleet that one operator is measured over, and how it is read."""

import re

import pytest
from scripts.controller_bench.fleet import pages, shape
from scripts.controller_bench.fleet.readings import percentile

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService

SERVICES = 60


def test_services_are_valid_and_each_has_a_place_of_its_own() -> None:
    manifests = [shape.manifest(number, "http://prometheus:9090") for number in range(SERVICES)]
    keys = {PDInferenceService.parse(manifest).key for manifest in manifests}
    assert len(keys) == SERVICES
    assert {key.namespace for key in keys} == set(shape.namespaces(SERVICES))


def test_nodes_have_room_for_all_pods_and_addresses_that_are_listened_to() -> None:
    for role, count in shape.WORKERS.items():
        nodes = [
            node
            for node in shape.nodes(SERVICES)
            if node.labels == {shape.POOL_LABEL: role.value} and node.gpus
        ]
        assert sum(node.gpus for node in nodes) >= SERVICES * count
        listened = shape.addresses(SERVICES)[role]
        for node in nodes:
            begin = node.pod_cidr.removesuffix("0/24")
            assert {f"{begin}{host}" for host in range(1, node.gpus + 1)} <= set(listened)


def test_the_history_is_of_the_counters_that_go_on_live() -> None:
    live = {series for series, _ in pages.rising(0)}
    *lines, end = pages.history(1, begin=0.0, end=60.0)
    assert end == "# EOF\n"
    written = {re.match(r"[^}]+}", line) for line in lines}
    assert {found.group(0) for found in written if found} <= live
    decode = [line for line in lines if 'pod="chat-000-decode-0"' in line]
    assert "generation_tokens_histogram_count" in "".join(decode)
    assert len(lines) == 2 * (1 + 2 * sum(shape.WORKERS[role] for role in Role))


@pytest.mark.parametrize(("share", "value"), [(0.45, 0.5), (0.9, 1.0), (0.95, 1.5), (1.0, 2.0)])
def test_a_percentile_lies_within_its_bucket(share: float, value: float) -> None:
    counts = {"0.0": 0.0, "1.0": 90.0, "2.0": 100.0, "+Inf": 100.0}
    assert percentile(counts, share) == pytest.approx(value)
