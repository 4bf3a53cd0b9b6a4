"""Puts a played run together: what clients saw, what the watcher saw, what was needed."""

from dataclasses import replace
from pathlib import Path

from pd_e2e.demo.archive import REQUESTS, TIMELINE
from pd_e2e.demo.oracle import GpusPerWorker, NeededWorkers, needed_workers
from pd_e2e.demo.run import Run
from pd_e2e.demo.slowdown import pace_of
from pd_e2e.demo.timeline import read_timeline
from pd_e2e.loadgen.live import Objectives
from pd_e2e.loadgen.records import read_records
from pd_e2e.loadgen.scenario import TraceScenario
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.controller.tick.engine_profile import bundled_basis
from pd_operator.scaling.plans import plan_for


def finished_run(
    folder: Path, scenario: str, load: TraceScenario, service: PDInferenceService
) -> Run:
    """The run whose records and timeline lie in `folder`."""
    spec = service.spec
    objectives = spec.objectives
    return Run(
        scenario=scenario,
        forecast_model=spec.autoscaling.forecast.model.value,
        load=load,
        duration_seconds=load.duration_seconds,
        requests=read_records(folder / REQUESTS),
        timeline=read_timeline(folder / TIMELINE),
        objectives=Objectives(objectives.ttft.seconds, objectives.tpot.seconds),
        goal_share=min(objectives.ttft.percentile, objectives.tpot.percentile) / 100,
        needed=perfect_knowledge(load, service),
        gpus=GpusPerWorker(spec.prefill.tensor_parallel_size, spec.decode.tensor_parallel_size),
        forecast_bin_seconds=float(spec.autoscaling.forecast.resolution_seconds),
    )


def perfect_knowledge(load: TraceScenario, service: PDInferenceService) -> NeededWorkers:
    """The workers that the operator's own planner asks for, load and engines as they really are."""
    described, pace = bundled_basis(service).model, pace_of(service)
    engine = replace(
        described, prefill=described.prefill.slowed(pace), decode=described.decode.slowed(pace)
    )
    return needed_workers(load, lambda demand: plan_for(service.spec, engine, demand, demand))
