"""A run on disk, so that its summary, report and pictures can be made again without playing it.

A run's folder holds `requests.parquet` (the load generator's records), `timeline.jsonl` (the
watcher's samples) and `run.json` (everything else).
"""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from pd_e2e.demo.oracle import GpusPerWorker, NeededWorkers
from pd_e2e.demo.run import Run
from pd_e2e.demo.timeline import read_timeline
from pd_e2e.loadgen.azure import AZURE_REPLAYS
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import read_records

REQUESTS = "requests.parquet"
TIMELINE = "timeline.jsonl"
RUN = "run.json"


class _Load(BaseModel):
    name: str
    speed: float
    scale: float


class _Needed(BaseModel):
    bin_seconds: float
    prefill: list[int]
    decode: list[int]


class RunDescription(BaseModel):
    """`run.json`: what a `Run` holds beside its requests and timeline."""

    model_config = ConfigDict(extra="forbid")

    scenario: str
    forecast_model: str
    duration_seconds: float
    load: _Load
    objectives: Objectives
    goal_share: float
    gpus: GpusPerWorker
    forecast_bin_seconds: float
    needed: _Needed

    @classmethod
    def of(cls, run: Run) -> "RunDescription":
        """Describe `run`."""
        return cls(
            scenario=run.scenario,
            forecast_model=run.forecast_model,
            duration_seconds=run.duration_seconds,
            load=_Load(name=run.load.name, speed=run.load.speed, scale=run.load.scale),
            objectives=run.objectives,
            goal_share=run.goal_share,
            gpus=run.gpus,
            forecast_bin_seconds=run.forecast_bin_seconds,
            needed=_Needed(
                bin_seconds=run.needed.bin_seconds,
                prefill=run.needed.prefill.tolist(),
                decode=run.needed.decode.tolist(),
            ),
        )


def save_description(folder: Path, run: Run) -> None:
    """Write `run.json` beside the requests and the timeline, which are there already."""
    (folder / RUN).write_text(RunDescription.of(run).model_dump_json(indent=2) + "\n")


def load_run(folder: Path) -> Run:
    """Read a run's folder; raises ValueError or OSError if it is not one."""
    described = RunDescription.model_validate_json((folder / RUN).read_text())
    load, needed = described.load, described.needed
    steps = np.arange(len(needed.prefill), dtype=np.float64)
    return Run(
        scenario=described.scenario,
        forecast_model=described.forecast_model,
        load=AZURE_REPLAYS[load.name].at(load.scale, load.speed),
        duration_seconds=described.duration_seconds,
        requests=read_records(folder / REQUESTS),
        timeline=read_timeline(folder / TIMELINE),
        objectives=described.objectives,
        goal_share=described.goal_share,
        needed=NeededWorkers(
            seconds=steps * needed.bin_seconds,
            bin_seconds=needed.bin_seconds,
            prefill=np.array(needed.prefill),
            decode=np.array(needed.decode),
        ),
        gpus=described.gpus,
        forecast_bin_seconds=described.forecast_bin_seconds,
    )
