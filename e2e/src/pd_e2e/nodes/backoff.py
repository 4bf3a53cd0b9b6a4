"""How long to wait before a crashed container is started again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BackoffPolicy:
    """A kubelet's delays: none at first, then `base_seconds`, doubled up to `cap_seconds`."""

    base_seconds: float = 10.0
    cap_seconds: float = 300.0

    @property
    def reset_seconds(self) -> float:
        """A container that ran for this long starts again without a delay."""
        return 2 * self.cap_seconds


class Backoff:
    """Counts the failures of one container."""

    def __init__(self, policy: BackoffPolicy) -> None:
        self._policy = policy
        self._failures = 0

    def delay_seconds(self, ran_seconds: float) -> float:
        """Return the delay after a failure that came `ran_seconds` after the start."""
        if ran_seconds >= self._policy.reset_seconds:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        # The exponent is bounded, so that a container that fails for days does not overflow it.
        doubled = self._policy.base_seconds * 2.0 ** min(self._failures - 2, 30)
        return min(doubled, self._policy.cap_seconds)
