"""Who may act: one pure function over a Lease, as it was seen, and a clock of one's own.

The rules are those of Kubernetes' own controllers (`client-go/tools/leaderelection`). The holder
renews; one that could not for `renew_deadline_seconds` stops acting. Another one takes the Lease
when it was given back, or has stood unchanged for `lease_duration_seconds`, by its own monotonic
clock since it last saw it change: times of day that are written in it are compared with nothing.
So two act at once only where one's clock runs faster than the other's by the ratio of those times.
Stricter than client-go: a Lease that is new, or was cleared by hand, is waited for as well.
"""

from dataclasses import dataclass

NOBODY = ""
"""The holder of a Lease that was given back, never taken, or cleared by hand."""

RELEASED_SECONDS = 1
"""The duration that a holder writes when it gives the Lease back, as client-go does."""

WRITE_SHARE = 0.8
"""Of the time between the two limits, the part that a write may take; the rest is for clocks that
do not run alike, here up to 3 % faster or slower.
"""

RETRY_JITTER = 0.2
"""Followers ask up to so much later than the retry period, lest they all ask at once."""


@dataclass(frozen=True)
class ElectionTimes:
    """How long a Lease lasts unchanged, how long its holder acts unrenewed, how often to ask.

    `ValueError` where the holder might act for longer than others wait for it.
    """

    lease_duration_seconds: float = 15.0
    renew_deadline_seconds: float = 10.0
    retry_period_seconds: float = 2.0

    def __post_init__(self) -> None:
        """Refuse what client-go refuses, too."""
        longest_retry = self.retry_period_seconds * (1 + RETRY_JITTER)
        if not 0 < longest_retry < self.renew_deadline_seconds:
            raise ValueError(
                f"the renew deadline ({self.renew_deadline_seconds:g} s) must be longer than the "
                f"retry period ({self.retry_period_seconds:g} s) and a fifth"
            )
        if self.write_seconds < 1:
            raise ValueError(
                f"the lease duration ({self.lease_duration_seconds:g} s) must be longer than the "
                f"renew deadline ({self.renew_deadline_seconds:g} s) by 1.25 s or more, in which "
                "a last write ends"
            )

    @property
    def write_seconds(self) -> float:
        """How long a write may last: one that begins in time then ends before another leads."""
        return WRITE_SHARE * (self.lease_duration_seconds - self.renew_deadline_seconds)


@dataclass(frozen=True)
class LeaseRecord:
    """What a Lease says: whose it is, for how long unchanged, and how often it has changed hands.

    `term` is its `leaseTransitions`. `acquired` and `renewed` are as written, by the holder's
    clock: they tell one state of the Lease from another, and no more.
    """

    holder: str = NOBODY
    duration_seconds: float = 0.0
    term: int = 0
    acquired: str = ""
    renewed: str = ""

    @property
    def released(self) -> bool:
        """Whether its holder gave it back, by which it takes out when it was acquired.

        One that was cleared, shortened or deleted by hand does not say so.
        """
        gone = self.holder == NOBODY and not self.acquired
        return gone and self.duration_seconds == RELEASED_SECONDS


@dataclass(frozen=True)
class Sighting:
    """A record, and when it was first seen unchanged, by the clock of who saw it.

    `version` is the object's: what is written in it may have been something else in between.
    """

    record: LeaseRecord
    since_seconds: float
    version: str = ""

    def followed_by(self, now: "Sighting") -> "Sighting":
        """What is known after another look, `now`."""
        return self if now.version == self.version else now


@dataclass(frozen=True)
class Tenure:
    """A term that is led, and until when without another renewal."""

    term: int
    acts_until_seconds: float


@dataclass(frozen=True)
class Wait:
    """Somebody else leads; look again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Acquire:
    """Take the Lease for this term, if it is still as it was seen."""

    term: int


@dataclass(frozen=True)
class Renew:
    """Write that the term goes on, if the Lease is still as it was seen."""

    term: int


@dataclass(frozen=True)
class StandDown:
    """Lead no more; `why` for people."""

    why: str


Action = Wait | Acquire | Renew | StandDown


def elect(
    seen: Sighting,
    now_seconds: float,
    identity: str,
    tenure: Tenure | None,
    times: ElectionTimes,
) -> Action:
    """What the process of this `identity` does next.

    `tenure` is the term that it leads, if any. `now_seconds` and all other times are of one
    clock, its own.
    """
    record = seen.record
    if tenure is not None:
        return _lead_on(record, now_seconds, identity, tenure)
    # Whatever else it says, somebody may still act on what it said before: it may have been
    # edited, or deleted and made again. One's own name in it is no exception.
    lasts = max(record.duration_seconds, times.lease_duration_seconds)
    left = seen.since_seconds + lasts - now_seconds
    if record.released or left <= 0:
        return Acquire(record.term + 1)
    return Wait(min(left, times.retry_period_seconds))


def _lead_on(record: LeaseRecord, now_seconds: float, identity: str, tenure: Tenure) -> Action:
    if (record.holder, record.term) != (identity, tenure.term):
        return StandDown(f"{record.holder or 'nobody'} holds the Lease for term {record.term}")
    if now_seconds >= tenure.acts_until_seconds:
        return StandDown("the Lease could not be renewed in time")
    return Renew(tenure.term)


def tenure_of(term: int, sent_seconds: float, times: ElectionTimes) -> Tenure:
    """The tenure that a renewal gives which was sent at `sent_seconds`, and accepted.

    It counts from before the request: whoever sees the renewed Lease sees it later than that.
    """
    return Tenure(term, sent_seconds + times.renew_deadline_seconds)
