"""Engines of the real SGLang as processes of this machine, started as simulated ones are."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pd_e2e.engine.processes import PORT, Fleet, Process
from pd_e2e.sglang.environment import VARIABLES
from pd_e2e.sglang.tiny_model import write_tiny_model

READY_SECONDS = 180.0
"""One alone is ready in 25 s, four at once on two cores in a minute."""

CPU_FLAGS = (
    *("--device", "cpu", "--load-format", "dummy", "--max-total-tokens", "8192"),
    *("--max-running-requests", "8", "--sleep-on-idle", "--disable-cuda-graph"),
    *("--disable-overlap-schedule", "--disaggregation-transfer-backend", "mooncake_tcp"),
    *("--disaggregation-decode-retraction-backup", "none"),
)
"""Without them 0.5.23 does not start on a CPU, takes the machine's memory, or a core while idle."""


GPU_FLAGS = (
    *("--load-format", "dummy", "--mem-fraction-static", "0.35"),
    *("--disaggregation-transfer-backend", "mooncake_tcp"),
)
"""Two engines share one GPU; KV cache goes by TCP, which needs no network card of its own."""


class SglangFleet(Fleet):
    """Starts engines of the environment at `environment`; `folder` takes logs and the model.

    On the CPU, unless `flags` and `variables` say otherwise.
    """

    def __init__(
        self,
        folder: Path,
        environment: Path,
        flags: Sequence[str] = CPU_FLAGS,
        variables: Mapping[str, str] = VARIABLES,
    ) -> None:
        super().__init__(folder)
        self._program = environment / "bin" / "sglang"
        self._flags, self._variables = flags, variables
        self.model = folder / "model"
        write_tiny_model(self.model)

    def engine(
        self, role: str, *flags: str, metrics: bool = True, env: Mapping[str, str] | None = None
    ) -> Process:
        """An engine that serves the tiny model as `model`."""
        host = self._address()
        command = (
            *(str(self._program), "serve", "--model-path", str(self.model)),
            *("--served-model-name", "model", "--host", host, "--port", str(PORT)),
            *(("--enable-metrics",) if metrics else ()),
            *("--disaggregation-mode", role, *self._flags, *flags),
        )
        return self._start(command, host, {**self._variables, **(env or {})})

    def pair(self, *flags: str, env: Mapping[str, str] | None = None) -> tuple[Process, Process]:
        """A prefill and a decode that are ready, started together."""
        prefill, decode = (self.engine(role, *flags, env=env) for role in ("prefill", "decode"))
        return (
            prefill.until_ready(seconds=READY_SECONDS),
            decode.until_ready(seconds=READY_SECONDS),
        )
