"""The short, fixed part of `make chaos`: a router hangs, an engine is killed, another one hangs.

The others have tests of their own: API server and Prometheus in test_outages.py, the operator in
test_leadership.py, nodes in ../nodes/test_lost_nodes.py.
"""

import random
from math import inf
from pathlib import Path

import pytest
from scripts.chaos.costs import costs_of
from scripts.chaos.faults import chosen
from scripts.chaos.loads import QUIET, clients
from scripts.chaos.play import calm, play
from scripts.chaos.world import World

from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.nodes.cluster import Cluster

from .installed import InstalledOperator
from .service import RunningService

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]

CHAT = {
    "prefill": {"minReplicas": 2},
    "decode": {"minReplicas": 2},
    "router": {"replicas": 2},
}
WANTED = {"prefill": 2, "decode": 2}
FAULTS = "router hung, engine killed, engine hung"
SECONDS, LOAD_SECONDS = 6.0, 1200.0


def test_what_fails_costs_no_request_but_those_inside_it_and_no_worker(
    operator: InstalledOperator,
    prometheus: Prometheus,
    cluster: Cluster,
    chat: RunningService,
    tmp_path: Path,
) -> None:
    chance = random.Random(1)
    world = World(cluster.control_plane, prometheus, cluster.nodes, None, operator, chat, chance)
    played = []
    with clients(world.router_urls(), tmp_path, LOAD_SECONDS, QUIET) as running:
        for fault in chosen(FAULTS):
            calm(world, running, WANTED)
            played.append(play(world, running, WANTED, fault, SECONDS))
    costs = costs_of(played, running)
    assert [(str(one.fault), one.remark) for one in played if one.recovered == inf] == []
    assert [one.scaled_down for one in played] == [()] * 3
    assert [cost.lost for cost in costs] == [()] * 3
