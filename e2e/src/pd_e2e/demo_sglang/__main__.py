"""`python -m pd_e2e.demo_sglang`: the operator over the real SGLang, from nothing to figures."""

import json
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from pd_e2e.cluster.binaries import ensure_programs
from pd_e2e.cluster.controlplane import ControlPlane, UnsupportedPlatformError, require_linux
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.demo.archive import REQUESTS, TIMELINE
from pd_e2e.demo.board import Board, BoardProgress
from pd_e2e.demo.display import Screen
from pd_e2e.demo.load import LoadOrder, PlayedLoad, play
from pd_e2e.demo.stage import RULES, Stage
from pd_e2e.demo.timeline import TimelineSample, append_sample, read_timeline
from pd_e2e.demo.watcher import Watcher
from pd_e2e.demo_sglang.load import duration_seconds, step_at, write_load
from pd_e2e.demo_sglang.memory import worker_megabytes
from pd_e2e.demo_sglang.pod_follower import PodFollower
from pd_e2e.demo_sglang.service import image, manifests
from pd_e2e.demo_sglang.summary import missed, summarize
from pd_e2e.demo_sglang.worker_log import WorkerLog
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import read_records
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess
from pd_e2e.nodes.catalog import repository_images
from pd_e2e.sglang.environment import InstallError, ensure_environment
from pd_e2e.sglang.pace import Pace
from pd_e2e.sglang.tiny_model import write_tiny_model
from pd_operator.api.roles import Role

STAGES = ("programs", "control plane", "operator", "engines", "load", "lull")
NODES = AgentOptions(nodes=2, gpus=0)
SCRAPE_SECONDS = 2
WORKERS_TIMEOUT_SECONDS = 300.0
SETTLED_SECONDS = 20.0
"""Before the load: Prometheus has what a rate needs."""

LULL_SECONDS = 240.0
"""So long after the load workers may still be on their way out."""

LOOK_SECONDS = 1.0


class Demo:
    """One run. What was started is ended, whatever happens."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._folder = folder
        self._console = console
        self._log = WorkerLog()
        self._megabytes: list[float] = []

    def run(self, environment: Path) -> list[str]:
        """Play, write summary.json, and say what was not shown."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        began = time.monotonic()
        with ExitStack() as stack, Board(Screen(self._console), STAGES) as board:
            objectives = self._play(stack, board, environment)
        figures = summarize(
            read_records(self._folder / REQUESTS),
            objectives,
            read_timeline(self._folder / TIMELINE),
            self._log,
            self._megabytes,
        )
        figures["wall_seconds"] = round(time.monotonic() - began, 1)
        path = self._folder / "summary.json"
        path.write_text(json.dumps(figures, indent=2) + "\n")
        table = Table("figure", "value", title="The real SGLang, scaled", title_justify="left")
        for name, value in figures.items():
            table.add_row(name, str(value))
        self._console.print(table)
        self._console.print(f"Summary: {path}")
        return missed(figures)

    def _play(self, stack: ExitStack, board: Board, environment: Path) -> Objectives:
        with board.stage("programs"):
            programs = ensure_programs(progress=BoardProgress(board, "programs"))
            write_tiny_model(self._folder / "models" / "tiny")
        with board.stage("control plane"):
            control_plane = stack.enter_context(
                ControlPlane(programs, self._folder / "control-plane")
            )
            images = {**repository_images(), "lmsysorg/sglang": image(environment)}
            stack.enter_context(AgentProcess(control_plane, self._folder / "nodes", images, NODES))
        prometheus = stack.enter_context(
            Prometheus(
                programs,
                self._folder / "prometheus",
                control_plane.kubeconfig,
                scrape_interval_seconds=SCRAPE_SECONDS,
                rule_files=[RULES],
            )
        )
        stage, watcher = Stage(control_plane), Watcher(control_plane)
        with board.stage("operator"):
            stage.install_chart()
        with board.stage("engines"):
            board.note("engines", "SGLang starts: a minute")
            stack.enter_context(PodFollower(control_plane, self._log))
            stage.apply(manifests(self._folder / "models", prometheus.url, Pace()))
            stage.await_workers(WORKERS_TIMEOUT_SECONDS)
        service = stage.service()
        spec = service.spec
        objectives = Objectives(spec.objectives.ttft.seconds, spec.objectives.tpot.seconds)
        with board.stage("load"):
            arrivals = self._folder / "arrivals.parquet"
            write_load(arrivals)
            order = LoadOrder(
                url=stage.router_url(),
                model=spec.model.name_for_clients,
                load=arrivals,
                objectives=objectives,
                start_unix_seconds=time.time() + SETTLED_SECONDS,
                warmup_seconds=0.0,
            )
            with play(order, self._folder) as played:
                while played.running:
                    self._note(board, self._look(watcher), played, order.start_unix_seconds)
        with board.stage("lull"):
            fewest = sum(spec.pool(role).min_replicas for role in Role)
            self._lull(watcher, fewest)
        return objectives

    def _lull(self, watcher: Watcher, fewest: int) -> None:
        """Watch the workers go that are not needed any more."""
        ends = time.monotonic() + LULL_SECONDS
        while time.monotonic() < ends:
            sample = self._look(watcher)
            if sample.prefill.current + sample.decode.current <= fewest:
                return

    def _look(self, watcher: Watcher) -> TimelineSample:
        began = time.monotonic()
        sample = watcher.look()
        append_sample(self._folder / TIMELINE, sample)
        hosts = [pod.get("status", {}).get("podIP") for pod in watcher.pods()]
        if int(sample.unix_seconds) % 10 == 0:
            found = [worker_megabytes(host) for host in hosts if host]
            self._megabytes += [megabytes for megabytes in found if megabytes is not None]
        time.sleep(max(0.0, LOOK_SECONDS - (time.monotonic() - began)))
        return sample

    def _note(
        self, board: Board, sample: TimelineSample, played: PlayedLoad, started: float
    ) -> None:
        second = max(0.0, sample.unix_seconds - started)
        statistics = played.statistics()
        rate = statistics.requests_per_second if statistics else 0.0
        failed = statistics.failed if statistics else 0
        board.note(
            "load",
            f"{step_at(second)}: {rate:.1f} requests/s, {sample.prefill.ready} prefill and "
            f"{sample.decode.ready} decode serve, {len(self._log.flips)} flips, {failed} failed",
            min(1.0, second / duration_seconds()),
        )


def main(
    folder: Annotated[Path, typer.Option(help="Where summary, logs and records go.")] = Path(
        "build/demo-sglang"
    ),
) -> None:
    """Scale the real SGLang with pd-operator, all on this machine and on its CPU.

    Starts a real Kubernetes control plane, the operator from its chart, SGLang's router and SGLang
    itself with a tiny random model; plays eleven minutes of load; writes summary.json. Exit status
    1 where a request failed, or something was not shown. Ctrl-C at any moment ends everything.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        require_linux()
        not_shown = Demo(folder.resolve(), Console(stderr=True)).run(ensure_environment())
    except (UnsupportedPlatformError, InstallError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.echo("Stopped; nothing is left running.", err=True)
        raise typer.Exit(130) from None
    for sentence in not_shown:
        typer.echo(f"not as it should be: {sentence}", err=True)
    raise typer.Exit(1 if not_shown else 0)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
