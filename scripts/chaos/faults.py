"""The faults: each component killed, hung and restarted.

A fault is a block: entering it strikes, leaving it mends what does not come back by itself. Where a
run is broken off, only what was stopped goes on; nothing is started, since all of it is to end.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from scripts.chaos.pod_processes import container_hung, end_container, kill_container
from scripts.chaos.world import (
    ENGINE,
    OPERATOR_CONTAINER,
    ROUTER,
    Hit,
    Json,
    World,
    routed_by,
    url_of,
)

from pd_e2e.cluster.waiting import eventually
from pd_operator.api.names import LABEL_ROLE, ROLE_ROUTER
from pd_operator.api.pods import engine_url
from pd_operator.api.roles import Role

Strike = Callable[[World], AbstractContextManager[Hit]]


@dataclass(frozen=True)
class Fault:
    """What happens to a `component`. `lasts`: it stays away until it is mended."""

    component: str
    how: str
    strike: Strike
    lasts: bool = True

    def __str__(self) -> str:
        return f"{self.component} {self.how}"


@contextmanager
def _apiserver_killed(world: World) -> Iterator[Hit]:
    world.control_plane.stop_apiserver()
    yield Hit()
    world.control_plane.start_apiserver()


@contextmanager
def _apiserver_hung(world: World) -> Iterator[Hit]:
    with world.control_plane.apiserver_paused():
        yield Hit()


@contextmanager
def _apiserver_restarted(world: World) -> Iterator[Hit]:
    world.control_plane.restart_apiserver()
    yield Hit()


@contextmanager
def _prometheus_killed(world: World) -> Iterator[Hit]:
    world.prometheus.kill()
    yield Hit()
    world.prometheus.start()


@contextmanager
def _prometheus_hung(world: World) -> Iterator[Hit]:
    with world.prometheus.paused():
        yield Hit()


@contextmanager
def _prometheus_restarted(world: World) -> Iterator[Hit]:
    world.prometheus.stop()
    world.prometheus.start()
    yield Hit()


def _router(world: World) -> tuple[str, Json, Hit]:
    """The router that is struck: always the same, so that the other one's clients can tell."""
    name, pod = next(iter(world.routers().items()))
    again = world.restarted(ROLE_ROUTER, name, pod, ROUTER)
    return name, pod, Hit(routers=frozenset({url_of(pod)}), replaced=again)


@contextmanager
def _router_killed(world: World) -> Iterator[Hit]:
    name, pod, hit = _router(world)
    kill_container(world.agent_of(pod), world.chat.namespace, name, ROUTER)
    yield hit


@contextmanager
def _router_hung(world: World) -> Iterator[Hit]:
    name, pod, hit = _router(world)
    with container_hung(world.agent_of(pod), world.chat.namespace, name, ROUTER):
        yield hit


@contextmanager
def _router_restarted(world: World) -> Iterator[Hit]:
    name, pod, hit = _router(world)
    end_container(world.agent_of(pod), world.chat.namespace, name, ROUTER)
    yield hit


def _worker(world: World, role: Role | None = None) -> tuple[str, Json, Hit]:
    workers = world.chat.ready_pods(role) if role else world.workers()
    name = world.chance.choice(sorted(workers))
    pod = workers[name]
    again = world.restarted(pod["metadata"]["labels"][LABEL_ROLE], name, pod, ENGINE)
    return name, pod, Hit(engines=frozenset({pod["status"]["podIP"]}), replaced=again)


@contextmanager
def _engine_killed(world: World) -> Iterator[Hit]:
    name, pod, hit = _worker(world)
    kill_container(world.agent_of(pod), world.chat.namespace, name, ENGINE)
    yield hit


@contextmanager
def _engine_hung(world: World) -> Iterator[Hit]:
    name, pod, hit = _worker(world)
    with container_hung(world.agent_of(pod), world.chat.namespace, name, ENGINE):
        yield hit


@contextmanager
def _engine_restarted(world: World) -> Iterator[Hit]:
    """By hand, in order: its pod is deleted, and another one comes. No request may be lost."""
    name, _, _ = _worker(world)
    world.chat.kubectl("delete", "pod", name, "--wait=false")
    yield Hit(replaced=lambda: name not in world.workers())


def _edge_hit(world: World) -> Hit:
    if world.edge is None:
        raise RuntimeError("there is no machine whose loss leaves routers and operator alone")
    return Hit(
        frozenset(
            pod["status"]["podIP"]
            for pod in world.workers().values()
            if world.agent_of(pod) is world.edge
        )
    )


@contextmanager
def _node_killed(world: World) -> Iterator[Hit]:
    hit = _edge_hit(world)
    if world.edge is not None:
        world.edge.kill()
        yield hit
        world.edge.start()


@contextmanager
def _node_hung(world: World) -> Iterator[Hit]:
    """Its kubelet hangs; what runs goes on."""
    _edge_hit(world)
    if world.edge is not None:
        with world.edge.paused():
            yield Hit()


@contextmanager
def _node_restarted(world: World) -> Iterator[Hit]:
    hit = _edge_hit(world)
    if world.edge is not None:
        world.edge.stop()
        world.edge.start()
        yield hit


@contextmanager
def _operator_killed(world: World) -> Iterator[Hit]:
    namespace, pod = world.leader()
    before = world.operator.leader()
    kill_container(world.main, namespace, pod, OPERATOR_CONTAINER)
    yield Hit(replaced=lambda: world.operator.leader() not in {"", before})


@contextmanager
def _operator_hung(world: World) -> Iterator[Hit]:
    namespace, pod = world.leader()
    with container_hung(world.main, namespace, pod, OPERATOR_CONTAINER):
        yield Hit()


@contextmanager
def _operator_restarted(world: World) -> Iterator[Hit]:
    _, pod = world.leader()
    before = world.operator.leader()
    world.operator.delete(pod)
    yield Hit(replaced=lambda: world.operator.leader() not in {"", before})


@contextmanager
def _operator_gone(world: World) -> Iterator[Hit]:
    """All its pods are gone, and a decode crashes and has to come back without them."""
    pods = len(world.operator.pods())
    world.operator.stop()
    name, pod, hit = _worker(world, Role.DECODE)
    routers, engine = world.router_urls(), engine_url(pod)
    kill_container(world.agent_of(pod), world.chat.namespace, name, ENGINE)
    eventually(lambda: all(engine not in routed_by(url) for url in routers))
    eventually(lambda: all(engine in routed_by(url) for url in routers))
    yield hit
    world.operator.stand_by(pods)


FAULTS = (
    Fault("apiserver", "killed", _apiserver_killed),
    Fault("apiserver", "hung", _apiserver_hung),
    Fault("apiserver", "restarted", _apiserver_restarted, lasts=False),
    Fault("prometheus", "killed", _prometheus_killed),
    Fault("prometheus", "hung", _prometheus_hung),
    Fault("prometheus", "restarted", _prometheus_restarted, lasts=False),
    Fault("router", "killed", _router_killed, lasts=False),
    Fault("router", "hung", _router_hung),
    Fault("router", "restarted", _router_restarted, lasts=False),
    Fault("engine", "killed", _engine_killed, lasts=False),
    Fault("engine", "hung", _engine_hung),
    Fault("engine", "restarted", _engine_restarted, lasts=False),
    Fault("node", "killed", _node_killed),
    Fault("node", "hung", _node_hung),
    Fault("node", "restarted", _node_restarted, lasts=False),
    Fault("operator", "killed", _operator_killed, lasts=False),
    Fault("operator", "hung", _operator_hung),
    Fault("operator", "restarted", _operator_restarted, lasts=False),
    Fault("operator", "gone", _operator_gone),
)


def chosen(names: str) -> tuple[Fault, ...]:
    """The faults of the components named, all for an empty text; `ValueError` for another name."""
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    known = {fault.component for fault in FAULTS} | {str(fault) for fault in FAULTS}
    if unknown := wanted - known:
        raise ValueError(f"no such fault: {', '.join(sorted(unknown))}; there are {sorted(known)}")
    return tuple(
        fault for fault in FAULTS if not wanted or fault.component in wanted or str(fault) in wanted
    )
