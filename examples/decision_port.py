"""Drives the operator's decisions with plain numbers: no cluster, no clock, no simulator."""

from pathlib import Path

import numpy as np
import yaml

from pd_operator.api.roles import Role
from pd_operator.api.v1alpha1 import PDInferenceService
from pd_operator.demand import Demand, DemandHistory, LengthDistribution, fit_demand
from pd_operator.performance import load_bundled
from pd_operator.scaling.autoscaler import EngineKnowledge, autoscale
from pd_operator.scaling.memory import ScalingMemory
from pd_operator.scaling.observation import Known, Observation, PoolObservation
from pd_operator.simulation.from_spec import engine_of

BIN, PROMPT, OUTPUT = 60.0, 2000.0, 200.0
manifest = yaml.safe_load(Path(__file__).with_name("pdservice.yaml").read_text())
spec = PDInferenceService.parse(manifest).spec
engine = EngineKnowledge(engine_of(spec, load_bundled("llama-3.1-70b-h100")))
rates = 40.0 - 30.0 * np.cos(np.arange(300) / 40.0)  # requests per second, minute by minute
history = DemandHistory(0.0, BIN, rates, np.full(300, PROMPT), np.full(300, OUTPUT))
fitted = fit_demand(history.until(240 * BIN), spec.autoscaling.forecast.model)
lengths = LengthDistribution.constant(PROMPT), LengthDistribution.constant(OUTPUT)
workers, memory = {Role.PREFILL: 2, Role.DECODE: 2}, ScalingMemory()
for minute in range(240, 300):
    now = minute * BIN
    fitted = fitted.updated(history.until(now))
    seen = Observation(
        time_seconds=now,
        demand=Known(Demand(rates[minute - 1], *lengths), 0.0, "plain numbers"),
        prefill=PoolObservation.of(Role.PREFILL, ready=workers[Role.PREFILL]),
        decode=PoolObservation.of(Role.DECODE, ready=workers[Role.DECODE]),
    )
    outcome = autoscale(seen, fitted, engine, spec, memory)
    memory, decision = outcome.memory, outcome.decision
    if decision is not None:
        print(f"{minute} min: {decision.sentence}")
        workers = {role: decision.pool(role).desired for role in Role}
