"""What is given on the command line of `kubectl pd plan`."""

from dataclasses import dataclass, field
from pathlib import Path

from pd_operator.api.router import PrefillPolicy
from pd_operator.cli.sizing.request import Method
from pd_operator.cli.traces.units import TimeOptions
from pd_operator.planning.load import OUTPUT_CV, PROMPT_CV

LOAD_WINDOW_SECONDS = 300.0


@dataclass(frozen=True)
class LoadFlags:
    """Where the load comes from; None is not given."""

    rate: float | None = None
    prompt: float | None = None
    output: float | None = None
    prompt_cv: float = PROMPT_CV
    output_cv: float = OUTPUT_CV
    arrival_scv: float = 1.0
    trace: Path | None = None
    times: TimeOptions = field(default_factory=TimeOptions)
    window_seconds: float = LOAD_WINDOW_SECONDS
    percent: float = 95.0
    prometheus: str | None = None


@dataclass(frozen=True)
class PlanFlags:
    """Everything else; None is not given, and a service's own value or the default counts."""

    profile: str | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    percentile: int | None = None
    tp_prefill: tuple[int, ...] = ()
    tp_decode: tuple[int, ...] = ()
    same_size: bool | None = None
    budget: int | None = None
    gpus_per_node: int | None = None
    gigabits_per_gpu: float | None = None
    utilization_percent: int = 85
    router: PrefillPolicy | None = None
    method: Method | None = None
