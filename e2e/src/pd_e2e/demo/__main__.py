"""`python -m pd_e2e.demo`: the main job, on one machine, from nothing to a report."""

import shutil
import signal
import sys
import time
from collections import deque
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from pd_e2e.cluster.binaries import Programs, ensure_programs
from pd_e2e.cluster.controlplane import ControlPlane, UnsupportedPlatformError, require_linux
from pd_e2e.cluster.prometheus import Prometheus
from pd_e2e.demo.archive import TIMELINE, save_description
from pd_e2e.demo.board import Board, BoardProgress
from pd_e2e.demo.closing import close
from pd_e2e.demo.display import Screen
from pd_e2e.demo.finished import finished_run
from pd_e2e.demo.history import History, write_history
from pd_e2e.demo.load import LoadOrder, PlayedLoad, play
from pd_e2e.demo.slowdown import slowed
from pd_e2e.demo.stage import RULES, SERVICE, Stage
from pd_e2e.demo.timeline import append_sample
from pd_e2e.demo.view import replay_view
from pd_e2e.demo.watcher import Watcher
from pd_e2e.loadgen.azure import AZURE_REPLAYS, WORKDAY
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.scenario import WHOLE_DAY, TraceScenario
from pd_e2e.nodes.agent_process import AgentOptions, AgentProcess
from pd_e2e.nodes.catalog import repository_images
from pd_operator.api.autoscaling import ForecastModel, RoleFlips
from pd_operator.api.v1alpha1 import PDInferenceService

SCALE = 0.24
"""Of the real rate: what two cores carry, with whole workers enough that both pools move."""

NODES = AgentOptions(nodes=8, gpus=8)
WARMUP_SECONDS = 60.0
"""Played, not judged: longer than a start-up, so that by second 0 the pools are what the operator
wants them to be, as on any day but the first.
"""

CURTAIN_SECONDS = 8.0
"""From the end of the written history until Prometheus and the generator are up."""

SAMPLE_SECONDS = 1.0

STAGES = (
    "programs",
    "control plane",
    "nodes",
    "operator",
    "service",
    "history",
    "replay",
    "report",
)


class Scenario(StrEnum):
    """Which load is played, and what the operator runs with."""

    FORECAST = "forecast"
    FLIPS = "flips"
    REACTIVE = "reactive"
    WHOLE_DAY = "whole-day"

    @property
    def model(self) -> ForecastModel:
        """What the service's spec says."""
        reactive = self is Scenario.REACTIVE
        return ForecastModel.LAST_VALUE if reactive else ForecastModel.HEDGE

    @property
    def role_flips(self) -> RoleFlips:
        """Whether workers may change their role."""
        return RoleFlips.ENABLED if self is Scenario.FLIPS else RoleFlips.DISABLED

    @property
    def load(self) -> TraceScenario:
        """What is played."""
        whole = self is Scenario.WHOLE_DAY
        return (AZURE_REPLAYS[WHOLE_DAY] if whole else WORKDAY).at(SCALE)


def main(
    scenario: Annotated[
        Scenario,
        typer.Option(
            help="flips lets workers change their role; reactive replaces the forecast by the last "
            "value; whole-day plays hours 8 to 24 of the day after a weekend in the same time."
        ),
    ] = Scenario.FORECAST,
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up after the replay, until Ctrl-C.")
    ] = False,
    engine_slowdown_percent: Annotated[
        int,
        typer.Option(min=0, max=100, help="Make engines so much slower than their profile says."),
    ] = 0,
    folder: Annotated[
        Path, typer.Option(help="Where summary, report, logs and records go.")
    ] = Path("build/demo"),
) -> None:
    """Play a real day against a P/D service that pd-operator scales, all on this machine.

    Starts a real Kubernetes control plane on loopback, nodes whose pods are
    processes, the operator from its Helm chart, SGLang's router and simulated
    engines; replays 12 hours of two real services in 12 minutes; writes
    summary.json and report.html. Ctrl-C at any moment ends everything.
    """
    signal.signal(signal.SIGTERM, _leave)
    try:
        require_linux()
        Demo(scenario, folder.resolve(), keep=keep, slowdown_percent=engine_slowdown_percent).run()
    except UnsupportedPlatformError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:
        typer.echo("Stopped; nothing is left running.", err=True)
        raise typer.Exit(130) from None


class Demo:
    """One run of the demo."""

    def __init__(
        self, scenario: Scenario, folder: Path, *, keep: bool, slowdown_percent: int
    ) -> None:
        self._scenario = scenario
        self._folder = folder / scenario.value
        self._results = folder
        self._keep = keep
        self._slowdown_percent = slowdown_percent
        self._load = scenario.load
        self._console = Console(stderr=True)

    def run(self) -> None:
        """Everything, in order; what was started is ended, whatever happens."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        with ExitStack() as stack:
            with Board(Screen(self._console), STAGES) as board:
                control_plane, prometheus = self._play(stack, board)
            if self._keep:
                self._stay(control_plane, prometheus)

    def _play(self, stack: ExitStack, board: Board) -> tuple[ControlPlane, Prometheus]:
        with board.stage("programs"):
            programs = ensure_programs(progress=BoardProgress(board, "programs"))
        with board.stage("control plane"):
            control_plane = stack.enter_context(
                ControlPlane(programs, self._folder / "control-plane")
            )
        with board.stage("nodes"):
            stack.enter_context(
                AgentProcess(control_plane, self._folder / "nodes", repository_images(), NODES)
            )
        stage = Stage(control_plane)
        with board.stage("operator"):
            stage.install_chart()
        manifest = slowed(stage.manifest(), self._slowdown_percent)
        scrape_seconds = int(manifest["spec"]["metrics"]["scrapeIntervalSeconds"])
        prometheus = self._prometheus(programs, control_plane, scrape_seconds)
        with board.stage("service"):
            stage.apply_service(
                manifest,
                prometheus.url,
                self._scenario.model.value,
                season_seconds=round(self._load.day_seconds),
                role_flips=self._scenario.role_flips,
            )
            board.note("service", "workers start: 30 s")
            stage.await_workers()
        service = stage.service()
        with board.stage("history"):
            started = self._write_history(service)
            stack.enter_context(prometheus)
        with board.stage("replay"):
            self._replay(board, control_plane, stage.router_url(), service, started)
        board.replay(None)
        with board.stage("report"):
            run = finished_run(self._folder, self._scenario.value, self._load, service)
            save_description(self._folder, run)
            close(self._results, run, prometheus.url, self._console)
        return control_plane, prometheus

    def _prometheus(
        self, programs: Programs, control_plane: ControlPlane, scrape_seconds: int
    ) -> Prometheus:
        return Prometheus(
            programs,
            self._folder / "prometheus",
            control_plane.kubeconfig,
            scrape_interval_seconds=scrape_seconds,
            rule_files=[RULES],
            history=self._folder / "history.om",
        )

    def _write_history(self, service: PDInferenceService) -> float:
        """Write what Prometheus would hold by now; returns when second 0 of the replay is."""
        ends = time.time()
        lead_in = CURTAIN_SECONDS + WARMUP_SECONDS
        written = History(
            service=SERVICE,
            model=service.spec.model.name_for_clients,
            end_unix_seconds=ends,
            end_seconds=-lead_in,
            bin_seconds=float(service.spec.metrics.scrape_interval_seconds),
        )
        write_history(self._folder / "history.om", written, self._load)
        return ends + lead_in

    def _replay(
        self,
        board: Board,
        control_plane: ControlPlane,
        url: str,
        service: PDInferenceService,
        started: float,
    ) -> None:
        objectives = service.spec.objectives
        order = LoadOrder(
            url=url,
            model=service.spec.model.name_for_clients,
            load=self._load,
            objectives=Objectives(objectives.ttft.seconds, objectives.tpot.seconds),
            start_unix_seconds=started,
            warmup_seconds=WARMUP_SECONDS,
        )
        with play(order, self._folder) as played:
            self._watch(board, Watcher(control_plane), played, service)

    def _watch(
        self, board: Board, watcher: Watcher, played: PlayedLoad, service: PDInferenceService
    ) -> None:
        offered: deque[float] = deque(maxlen=240)
        while played.running:
            began = time.monotonic()
            sample = watcher.look()
            append_sample(self._folder / TIMELINE, sample)
            statistics = played.statistics()
            if statistics is not None:
                offered.append(statistics.requests_per_second)
                board.replay(replay_view(self._load, service, sample, statistics, list(offered)))
            time.sleep(max(0.0, SAMPLE_SECONDS - (time.monotonic() - began)))

    def _stay(self, control_plane: ControlPlane, prometheus: Prometheus) -> None:
        environment = control_plane.commands.environment()["KUBECONFIG"]
        self._console.print(
            "\nEverything stays up. In another terminal:\n"
            f"  export KUBECONFIG={environment} PATH={Path(sys.executable).parent}:$PATH\n"
            f"  kubectl get pdis && kubectl pd explain {SERVICE.name}\n"
            f"Prometheus: {prometheus.url}\nCtrl-C ends it.",
            markup=False,
            soft_wrap=True,
        )
        signal.pause()


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    typer.run(main)
