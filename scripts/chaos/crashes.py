"""The operator's leader is killed in the midst of a flip and of a drain, in both roles."""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.chaos.loads import QUIET, clients
from scripts.chaos.pod_processes import kill_container
from scripts.chaos.stage import Stage
from scripts.chaos.world import OPERATOR_CONTAINER, World
from tests.integration.operator.service import RunningService, manifest

from pd_e2e.cluster.waiting import DeadlineExceededError, eventually
from pd_operator.api.roles import Role
from pd_operator.scaling.loans import SHORTEST_LOAN_SECONDS

LEGAL_SECONDS = 30.0
"""A new leader has so long to bring what it finds to its end; longer where machines are crowded."""

MIDST_SECONDS = 3.0
"""A kill comes at any moment within so long after a step has begun: a flip takes as long."""

LONGEST_LOAD_SECONDS = 1200.0
FEW = {"minReplicas": 1, "maxReplicas": 2}
MANY = {"minReplicas": 2, "maxReplicas": 2}


@dataclass
class Crashes:
    """What came of them, in words: states that no leader ended, actions done twice, requests lost.

    `seconds`: of each, from the new leader until all was as wanted.
    """

    illegal: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    wrong_victims: int = 0


def crash_in_their_midst(stage: Stage, say: Callable[[str], None]) -> Crashes:
    """A flip there and back and a drain of each role, each with a leader that is killed in it."""
    world, crashes = stage.world, Crashes()
    namespace = f"crashes-{uuid.uuid4().hex[:8]}"
    world.control_plane.kubectl("create", "namespace", namespace)
    chat = RunningService(world.control_plane, namespace)
    changes = {"prefill": FEW, "decode": MANY, "autoscaling": {"roleFlips": "Enabled"}}
    chat.apply(manifest(world.prometheus.url, **changes))
    chat.await_fewest_workers()
    folder = stage.folder / namespace
    with clients([chat.router_url], folder, LONGEST_LOAD_SECONDS, QUIET) as (only,):
        eventually(lambda: chat.status.forecast is not None)
        world.operator.await_ticks(namespace, 4)
        say("a decode takes the role of prefill, and the leader is killed")
        _crash(world, chat, crashes, "SwitchingRole", prefill=MANY, decode=FEW)
        time.sleep(SHORTEST_LOAN_SECONDS + 2)
        say("it goes home, and the leader is killed")
        _crash(world, chat, crashes, "SwitchingRole", prefill=FEW, decode=MANY)
        say("a decode drains, and the leader is killed")
        only_one = {"minReplicas": 1, "maxReplicas": 1}
        _crash(world, chat, crashes, "ScalingDown", prefill=only_one, decode=only_one)
        chat.edit(prefill=MANY)
        chat.await_workers(prefill=2, decode=1)
        say("a prefill drains, and the leader is killed")
        _crash(world, chat, crashes, "ScalingDown", prefill=only_one)
    crashes.lost += [one.told for one in only.failures]
    crashes.doubles += _twice(chat)
    crashes.wrong_victims += len(chat.events("OtherWorkerRemoved"))
    world.control_plane.kubectl("delete", "namespace", namespace, "--wait=false")
    return crashes


def _crash(
    world: World, chat: RunningService, crashes: Crashes, begins: str, **pools: dict[str, int]
) -> None:
    """Edit the pools, kill the leader when that `begins`, and see what the next one makes of it."""
    told = len(chat.events(begins))
    chat.edit(**pools)
    eventually(lambda: len(chat.events(begins)) > told, poll_seconds=0.05)
    midst = world.chance.uniform(0, MIDST_SECONDS)
    time.sleep(midst)
    before = world.operator.leader()
    kill_container(world.main, *world.leader(), OPERATOR_CONTAINER)
    eventually(lambda: world.operator.leader() not in {"", before})
    led = time.monotonic()
    try:
        eventually(lambda: _as_wanted(chat), LEGAL_SECONDS, poll_seconds=0.3)
    except DeadlineExceededError as error:
        crashes.illegal.append(f"{begins}, killed after {midst:.1f} s: {error}")
        eventually(lambda: _as_wanted(chat))
    crashes.seconds.append(time.monotonic() - led)
    eventually(lambda: len(world.operator.pods()) == 2)


def _as_wanted(chat: RunningService) -> bool:
    """Every worker on traffic, in the role that its engine has, and as many as the spec wants."""
    spec, routed = chat.resource().spec, list(chat.routed().values())
    for role in Role:
        pods, wanted = chat.pods(role), spec.pool(role).min_replicas
        if chat.draining(role) or len(pods) != wanted or routed.count(role.value) != wanted:
            raise AssertionError(f"{role}: {sorted(pods)}, {chat.draining(role)} off traffic")
    return True


def _twice(chat: RunningService) -> list[str]:
    """Drains and changes of role of one worker that were told of more often than they were."""
    told = Counter(
        text for reason in ("ScaledDown", "RoleSwitched") for text in chat.events(reason)
    )
    return [f"{count} times: {text}" for text, count in told.items() if count > 1]
