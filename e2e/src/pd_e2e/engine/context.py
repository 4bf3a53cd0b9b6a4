"""What the parts of one engine share."""

from dataclasses import dataclass

from pd_e2e.engine.flags import ServerArguments
from pd_e2e.engine.metrics import EngineMetrics
from pd_e2e.engine.rooms import PrefillLayout
from pd_e2e.engine.settings import Settings
from pd_operator.performance.timing import Timings


@dataclass(frozen=True)
class EngineContext:
    """Command line, environment, step times and metrics of one worker."""

    arguments: ServerArguments
    settings: Settings
    timings: Timings
    metrics: EngineMetrics
    accelerator: str

    @property
    def kv_tokens(self) -> int:
        """KV capacity: the flag's, or the profile's."""
        return self.arguments.kv_tokens or self.timings.surfaces.kv_capacity_tokens

    @property
    def kv_gigabytes(self) -> float:
        """Memory of the KV cache on one rank."""
        size = self.kv_tokens * self.timings.surfaces.kv_bytes_per_token
        return size / self.arguments.tensor_parallel_size / 1e9

    @property
    def total_tokens(self) -> int:
        """The longest sequence that can be served."""
        return min(self.arguments.context_tokens, self.kv_tokens) - 1

    @property
    def input_tokens(self) -> int:
        """The longest prompt, as SGLang 0.5.23 reckons it."""
        return self.total_tokens - 5

    @property
    def layout(self) -> PrefillLayout:
        """What the other side of a transfer must agree on."""
        flags = self.arguments.everything
        return PrefillLayout(flags["page_size"] or 1, flags["kv_cache_dtype"])
