"""`python -m pd_e2e.nodes`: serve nodes of a cluster."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from pd_e2e.nodes.agent import AgentSettings, NodeAgent
from pd_e2e.nodes.api import ApiAccess
from pd_e2e.nodes.backoff import BackoffPolicy
from pd_e2e.nodes.images import ImageCatalog
from pd_e2e.nodes.node import Heartbeat, NodeShape

# Errors go to a log file, where a plain traceback reads better than typer's boxes.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(  # noqa: PLR0913 - one parameter per option of the command
    *,
    kubeconfig: Annotated[Path, typer.Option(help="Admin kubeconfig of the cluster.")],
    images: Annotated[
        Path,
        typer.Option(
            help='JSON of images: {"NAME": {"path": [...], "entrypoint": [...], "env": {...}}}.'
        ),
    ],
    root: Annotated[Path, typer.Option(help="Directory for volumes and logs of the pods.")],
    certificate: Annotated[Path, typer.Option(help="TLS certificate for serving kubectl logs.")],
    key: Annotated[Path, typer.Option(help="Key of that certificate.")],
    nodes: Annotated[int, typer.Option(min=1, help="How many nodes to serve.")] = 1,
    name_prefix: Annotated[str, typer.Option(help="Nodes are named PREFIX-0, -1, ...")] = "node",
    gpus: Annotated[int, typer.Option(min=0, help="nvidia.com/gpu of each node.")] = 8,
    heartbeat_seconds: Annotated[float, typer.Option(help="Time between heartbeats.")] = 10.0,
    backoff_seconds: Annotated[
        float,
        typer.Option(help="Delay before a second restart; doubles up to 30-fold."),
    ] = 10.0,
) -> None:
    """Serve Kubernetes nodes whose pods run as processes of this machine.

    Each pod gets a loopback address of its own, to which its processes must bind (status.podIP
    through the downward API). A pod's output is in ROOT/NAMESPACE_POD/CONTAINER.log. SIGTERM or
    Ctrl-C ends the agent and every process of its pods; to the cluster its nodes are then lost.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    settings = AgentSettings(
        node_names=tuple(f"{name_prefix}-{number}" for number in range(nodes)),
        root=root.resolve(),
        shape=NodeShape(gpus=gpus),
        heartbeat=Heartbeat(heartbeat_seconds),
        backoff=BackoffPolicy(backoff_seconds, 30 * backoff_seconds),
        certificate=certificate,
        key=key,
    )
    agent = NodeAgent(
        ApiAccess.from_kubeconfig(kubeconfig), ImageCatalog.from_file(images), settings
    )
    asyncio.run(_until_signalled(agent))


async def _until_signalled(agent: NodeAgent) -> None:
    serving = asyncio.create_task(agent.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    app()
