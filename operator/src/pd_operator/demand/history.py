"""The load of the past, in regular bins."""

from dataclasses import dataclass, replace

import numpy as np

from pd_operator.demand.lengths import FloatArray


@dataclass(frozen=True, eq=False)
class DemandHistory:
    """Regular bins of `bin_seconds`; bin i covers (start + i step, start + (i + 1) step].

    All arrays are of shape (bins,) and hold NaN where nothing was measured: missing is not zero.
    A mean length is NaN too where no request came.
    """

    start_seconds: float
    bin_seconds: float
    requests_per_second: FloatArray
    prompt_tokens_mean: FloatArray
    output_tokens_mean: FloatArray

    def __post_init__(self) -> None:
        if not self.bin_seconds > 0:
            raise ValueError(f"a bin must be longer than 0 s, not {self.bin_seconds}")
        shapes = {array.shape for array in self._arrays}
        if len(shapes) != 1 or len(next(iter(shapes))) != 1:
            raise ValueError(f"a history's arrays must be of one length, found {shapes}")

    def __len__(self) -> int:
        return len(self.requests_per_second)

    @property
    def end_seconds(self) -> float:
        """End of the last bin."""
        return self.start_seconds + len(self) * self.bin_seconds

    @property
    def prompt_tokens_per_second(self) -> FloatArray:
        """Uncached prompt tokens per second of each bin; zero where no request came."""
        return self._tokens_per_second(self.prompt_tokens_mean)

    @property
    def output_tokens_per_second(self) -> FloatArray:
        """Generated tokens per second of each bin; zero where no request came."""
        return self._tokens_per_second(self.output_tokens_mean)

    def extended_with(self, newer: "DemandHistory") -> "DemandHistory":
        """Append `newer` to this history, with missing bins where a gap is between them.

        Where both know a bin, `newer` decides, unless it lacks a value that this one has.
        `ValueError` where the bins do not match.
        """
        if newer.bin_seconds != self.bin_seconds:
            raise ValueError(
                f"bins of {newer.bin_seconds} s do not extend bins of {self.bin_seconds} s"
            )
        first = newer._bins_since(self.start_seconds)
        if first < 0:
            raise ValueError("the newer history begins before this one")
        return DemandHistory(
            self.start_seconds,
            self.bin_seconds,
            *(
                _overlaid(old, new, first)
                for old, new in zip(self._arrays, newer._arrays, strict=True)
            ),
        )

    def holds(self, other: "DemandHistory") -> bool:
        """Whether all bins of `other` are in this history, with the very same values."""
        first = other._bins_since(self.start_seconds)
        return first >= 0 and all(
            np.array_equal(mine[first : first + len(other)], theirs, equal_nan=True)
            for mine, theirs in zip(self._arrays, other._arrays, strict=True)
        )

    def since(self, seconds: float) -> "DemandHistory":
        """The bins that begin at `seconds` or later; all of them where none is older."""
        skip = max(0, -self._bins_since(seconds))
        return DemandHistory(
            self.start_seconds + skip * self.bin_seconds,
            self.bin_seconds,
            *(array[skip:] for array in self._arrays),
        )

    def trimmed(self) -> "DemandHistory":
        """Without the bins at the beginning of which nothing is known; maybe without any."""
        known = np.flatnonzero(~np.all([np.isnan(array) for array in self._arrays], axis=0))
        skip = int(known[0]) if len(known) else len(self)
        return DemandHistory(
            self.start_seconds + skip * self.bin_seconds,
            self.bin_seconds,
            *(array[skip:] for array in self._arrays),
        )

    def shifted(self, seconds: float) -> "DemandHistory":
        """The same bins, `seconds` later."""
        return replace(self, start_seconds=self.start_seconds + seconds)

    def until(self, seconds: float) -> "DemandHistory":
        """The bins that end at `seconds` or earlier."""
        kept = max(0, min(len(self), -self._bins_since(seconds)))
        return DemandHistory(
            self.start_seconds, self.bin_seconds, *(array[:kept] for array in self._arrays)
        )

    def after(self, seconds: float) -> "DemandHistory":
        """The bins that begin at `seconds` or later, with missing bins from there to the first.

        `ValueError` where `seconds` is not on the bins' edges.
        """
        lacking = max(0, self._bins_since(seconds))
        nothing = np.full(lacking, np.nan)
        kept = self.since(seconds)
        return DemandHistory(
            seconds,
            self.bin_seconds,
            *(np.concatenate([nothing, array]) for array in kept._arrays),
        )

    def _bins_since(self, seconds: float) -> int:
        """Bins from `seconds` to the start of this history."""
        offset = (self.start_seconds - seconds) / self.bin_seconds
        if abs(offset - round(offset)) > 0.01:
            raise ValueError(f"{seconds} s is not on the edges of the history's bins")
        return round(offset)

    @property
    def _arrays(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return (self.requests_per_second, self.prompt_tokens_mean, self.output_tokens_mean)

    def _tokens_per_second(self, mean_length: FloatArray) -> FloatArray:
        idle = self.requests_per_second == 0
        tokens: FloatArray = np.where(idle, 0.0, self.requests_per_second * mean_length)
        return tokens


def _overlaid(old: FloatArray, new: FloatArray, first: int) -> FloatArray:
    bins = np.full(max(len(old), first + len(new)), np.nan)
    bins[: len(old)] = old
    known = ~np.isnan(new)
    bins[first : first + len(new)][known] = new[known]
    return bins
