"""How long the work takes on a simulated GPU: of the simulator, and of the engine simulator."""

from collections.abc import Sequence
from dataclasses import dataclass

from pd_operator.performance.surfaces import EngineSurfaces


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one prompt in a pass: `new` tokens to compute, after `cached` ones of it."""

    new: int
    cached: int = 0


@dataclass(slots=True)
class Timings:
    """Step times of one worker in seconds. `slowdown` is a fault's: 1.0 is healthy."""

    surfaces: EngineSurfaces
    scale: float = 1.0
    slowdown: float = 1.0

    @property
    def pace(self) -> float:
        """What every time of the surfaces is multiplied by."""
        return self.scale * self.slowdown

    def prefill_pass(self, chunks: Sequence[Chunk]) -> float:
        """Seconds of one pass: prompts of their mean length, plus attention to what is cached."""
        new = sum(chunk.new for chunk in chunks)
        seconds = self.surfaces.prefill_seconds(new / len(chunks), len(chunks))
        for chunk in chunks:
            if chunk.cached:
                seconds += self.attention_seconds(chunk.new, chunk.cached)
        return seconds * self.pace

    def attention_seconds(self, new: int, cached: int) -> float:
        """Seconds that `cached` tokens add to a pass over `new` ones; not yet paced."""
        surfaces = self.surfaces
        return surfaces.prefill_chunk_seconds(new, cached) - surfaces.prefill_seconds(new)

    def decode_step(self, batch: int, context_tokens: float) -> float:
        """Seconds of one step of `batch` sequences with a mean of `context_tokens` each."""
        return self.surfaces.decode_step_seconds(batch, context_tokens) * self.pace


@dataclass(slots=True)
class KvLink:
    """The prefill's way out to the decodes: one transfer after the other, at a fixed rate."""

    bytes_per_second: float
    bytes_per_token: float
    base_seconds: float = 0.0
    free_at: float = 0.0

    def transfer_bytes(self, tokens: int) -> float:
        """Bytes of KV of a prompt of `tokens`."""
        return tokens * self.bytes_per_token

    def send(self, tokens: int, at: float) -> float:
        """Queue a prompt's KV at `at`; returns when the decode has all of it."""
        start = max(self.free_at, at)
        self.free_at = start + self.transfer_bytes(tokens) / self.bytes_per_second
        return self.free_at + self.base_seconds
