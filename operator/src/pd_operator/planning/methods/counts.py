"""What a method answers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Workers of both pools as a method has them, before any limit.

    - `prefill_share`, `decode_share`: the same before rounding, where the method has it.
    - `sentence`: the method's reasoning with its figures.
    """

    prefill: int
    decode: int
    prefill_share: float
    decode_share: float
    sentence: str

    @property
    def ratio(self) -> float:
        """Prefill workers per decode worker, before rounding."""
        return self.prefill_share / self.decode_share
