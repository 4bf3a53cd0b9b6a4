"""How long the work takes on the simulated GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pd_operator.performance import EngineSurfaces, PerformanceProfile, load_bundled, parse_profile


def load_profile(name_or_path: str) -> PerformanceProfile:
    """A bundled profile by its name, or one from a pd-seed-profile/1 file by its path."""
    path = Path(name_or_path)
    if path.suffix == ".json":
        return parse_profile(path.read_text(encoding="utf-8"), path.stem)
    return load_bundled(name_or_path)


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

    def prefill_pass(self, chunks: Sequence[Chunk]) -> float:
        """Seconds of one pass: prompts of their mean length, plus attention to what is cached."""
        new = sum(chunk.new for chunk in chunks)
        seconds = self.surfaces.prefill_seconds(new / len(chunks), len(chunks))
        for chunk in chunks:
            if chunk.cached:
                seconds += self.surfaces.prefill_chunk_seconds(chunk.new, chunk.cached)
                seconds -= self.surfaces.prefill_seconds(chunk.new)
        return seconds * self.scale * self.slowdown

    def decode_step(self, batch: int, context_tokens: float) -> float:
        """Seconds of one step of `batch` sequences with a mean of `context_tokens` each."""
        return self.surfaces.decode_step_seconds(batch, context_tokens) * self.scale * self.slowdown
