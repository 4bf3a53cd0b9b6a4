"""What a replay looks like while it runs, for displays and progress files."""

from collections import deque
from dataclasses import dataclass

from pd_e2e.loadgen.records import Outcome, RequestRecord

WINDOW_SECONDS = 30.0
RATE_WINDOW_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Objectives:
    """The latencies that a request is judged by."""

    ttft_seconds: float
    tpot_seconds: float


@dataclass(frozen=True, slots=True)
class ReplayStatistics:
    """One line of a progress file. Shares are None while nothing has finished.

    `_recent` shares are over the requests that finished in the last 30 s, the others over all
    that finished since second 0. `requests_per_second` is the rate offered in the last 10 s.
    """

    unix_seconds: float
    elapsed_seconds: float
    offered: int
    finished: int
    failed: int
    requests_per_second: float
    ttft_attainment: float | None
    tpot_attainment: float | None
    joint_attainment: float | None
    ttft_attainment_recent: float | None
    tpot_attainment_recent: float | None
    joint_attainment_recent: float | None
    output_tokens_per_second: float
    lag_seconds_max: float


@dataclass(slots=True)
class _Tally:
    """How many requests, and how many of them met what."""

    requests: int = 0
    ttft: int = 0
    tpot: int = 0
    joint: int = 0
    output_tokens: int = 0

    def add(self, verdict: "_Tally", sign: int = 1) -> None:
        self.requests += sign * verdict.requests
        self.ttft += sign * verdict.ttft
        self.tpot += sign * verdict.tpot
        self.joint += sign * verdict.joint
        self.output_tokens += sign * verdict.output_tokens

    def share(self, met: int) -> float | None:
        return met / self.requests if self.requests else None


class LiveStatistics:
    """Counts a replay's requests as they leave and finish; warm-up requests count nowhere."""

    def __init__(self, objectives: Objectives) -> None:
        self._objectives = objectives
        self._offered = 0
        self._failed = 0
        self._lag_seconds_max = 0.0
        self._sent: deque[float] = deque()
        self._total = _Tally()
        self._recent = _Tally()
        self._recent_verdicts: deque[tuple[float, _Tally]] = deque()

    def sent(self, scheduled_seconds: float) -> None:
        """A request left; its scheduled second says whether it is warm-up."""
        self._sent.append(scheduled_seconds)
        self._offered += scheduled_seconds >= 0

    def finished(self, record: RequestRecord) -> None:
        """A request ended."""
        if record.scheduled_seconds < 0:
            return
        ttft = record.meets_ttft(self._objectives.ttft_seconds)
        tpot = record.meets_tpot(self._objectives.tpot_seconds)
        verdict = _Tally(1, ttft, tpot, ttft and tpot, record.output_tokens_received)
        self._failed += record.outcome not in (Outcome.OK, Outcome.INTERRUPTED)
        self._lag_seconds_max = max(self._lag_seconds_max, record.lag_seconds)
        self._total.add(verdict)
        self._recent.add(verdict)
        self._recent_verdicts.append((record.finished_seconds, verdict))

    def at(self, elapsed_seconds: float, unix_seconds: float) -> ReplayStatistics:
        """The statistics at `elapsed_seconds` of the replay, which must not go backwards."""
        self._forget(elapsed_seconds)
        total, recent = self._total, self._recent
        return ReplayStatistics(
            unix_seconds=unix_seconds,
            elapsed_seconds=elapsed_seconds,
            offered=self._offered,
            finished=total.requests,
            failed=self._failed,
            requests_per_second=len(self._sent) / RATE_WINDOW_SECONDS,
            ttft_attainment=total.share(total.ttft),
            tpot_attainment=total.share(total.tpot),
            joint_attainment=total.share(total.joint),
            ttft_attainment_recent=recent.share(recent.ttft),
            tpot_attainment_recent=recent.share(recent.tpot),
            joint_attainment_recent=recent.share(recent.joint),
            output_tokens_per_second=recent.output_tokens / WINDOW_SECONDS,
            lag_seconds_max=self._lag_seconds_max,
        )

    def _forget(self, elapsed_seconds: float) -> None:
        while self._sent and self._sent[0] <= elapsed_seconds - RATE_WINDOW_SECONDS:
            self._sent.popleft()
        while self._recent_verdicts and (
            self._recent_verdicts[0][0] <= elapsed_seconds - WINDOW_SECONDS
        ):
            self._recent.add(self._recent_verdicts.popleft()[1], sign=-1)
