"""What one worker of a given tensor-parallel size can do."""

from dataclasses import dataclass, field, replace
from typing import Self

from pd_operator.performance.table import FloatArray, MonotoneTable


@dataclass(frozen=True)
class Estimate:
    """Seconds, and whether they were extrapolated: the profile's points do not reach so far."""

    seconds: float
    extrapolated: bool


@dataclass(frozen=True)
class EngineSurfaces:
    """Step times and KV room of one worker, interpolated on a profile's tables.

    All times are seconds, all lengths tokens, all table values seconds. The tables are of the
    engine's kernels: scheduler, sampling and HTTP are not in them.

    - `name`: profile and tensor-parallel size, for sentences.
    - `prefill`: seconds of one pass over (new tokens per prompt, prompts in the pass).
    - `prefixed_prefill`: seconds of one pass of one prompt over (new tokens, cached tokens).
    - `decode_step`: seconds of one step over (sequences, tokens of context of each).
    - `kv_capacity_tokens`: tokens of KV cache that one worker holds.
    - `kv_bytes_per_token`: bytes of KV to move from prefill to decode per prompt token, all ranks.
    - `startup_seconds`: from the pod's creation until it serves; None where the profile is silent.
    """

    name: str
    tensor_parallel_size: int
    gpus: int
    kv_capacity_tokens: int
    kv_bytes_per_token: int
    prefill: MonotoneTable = field(repr=False)
    prefixed_prefill: MonotoneTable = field(repr=False)
    decode_step: MonotoneTable = field(repr=False)
    startup_seconds: float | None = None

    def prefill_seconds(self, new_tokens: float, batch: float = 1.0) -> float:
        """Seconds of one prefill pass of `batch` prompts of `new_tokens` uncached tokens each."""
        return self.prefill.at(new_tokens, batch)

    def prefill_seconds_each(self, new_tokens: FloatArray) -> FloatArray:
        """Seconds of one prefill pass for each prompt of `new_tokens`, one prompt per pass."""
        return self.prefill.at_each(new_tokens, 1.0)

    def prefill_chunk_seconds(self, new_tokens: float, cached_tokens: float) -> float:
        """Seconds of one pass over `new_tokens` that attend to `cached_tokens` before them.

        The prefixed table is coarse in new tokens, so only its ratio to no prefix is used.
        """
        attended = self.prefixed_prefill.at(new_tokens, cached_tokens)
        alone = self.prefixed_prefill.at(new_tokens, 0.0)
        return self.prefill_seconds(new_tokens) * attended / alone

    def decode_step_seconds(self, batch: float, context_tokens: float) -> float:
        """Seconds of one decode step of `batch` sequences with `context_tokens` of KV each."""
        return self.decode_step.at(batch, context_tokens)

    def decode_step_seconds_each(
        self, batch: FloatArray | float, context_tokens: FloatArray | float
    ) -> FloatArray:
        """Seconds of one decode step for each pair of `batch` and `context_tokens`."""
        return self.decode_step.at_each(batch, context_tokens)

    def estimated_prefill(self, new_tokens: float, batch: float = 1.0) -> Estimate:
        """As `prefill_seconds`, with a word on whether the profile covers it."""
        covered = self.prefill.holds(new_tokens, batch)
        return Estimate(self.prefill_seconds(new_tokens, batch), not covered)

    def estimated_decode_step(self, batch: float, context_tokens: float) -> Estimate:
        """As `decode_step_seconds`, with a word on whether the profile covers it."""
        covered = self.decode_step.holds(batch, context_tokens)
        return Estimate(self.decode_step_seconds(batch, context_tokens), not covered)

    def slowed(self, pace: float) -> Self:
        """The surfaces of an engine that takes `pace` times as long for everything."""
        return replace(
            self,
            prefill=self.prefill.scaled(pace),
            prefixed_prefill=self.prefixed_prefill.scaled(pace),
            decode_step=self.decode_step.scaled(pace),
        )
