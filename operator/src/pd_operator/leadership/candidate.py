"""One process that would lead: it looks at the Lease, and does what the election says, in steps."""

import logging

from pd_operator.leadership.election import (
    Acquire,
    ElectionTimes,
    Renew,
    Sighting,
    StandDown,
    Wait,
    elect,
    tenure_of,
)
from pd_operator.leadership.lease import LeaseStore, StoredLease
from pd_operator.leadership.term import Clock, Term, boot_seconds

log = logging.getLogger(__name__)


class Candidate:
    """Leads while `term` is there; `identity` is of this process alone, of no later one either."""

    def __init__(
        self,
        lease: LeaseStore,
        identity: str,
        times: ElectionTimes,
        clock: Clock = boot_seconds,
    ) -> None:
        self.identity = identity
        self.times = times
        self.term: Term | None = None
        self._lease = lease
        self._clock = clock
        self._stored: StoredLease | None = None
        self._seen: Sighting | None = None

    @property
    def leader(self) -> str | None:
        """Who held the Lease when last seen, empty for nobody; None before it was ever read."""
        return None if self._seen is None else self._seen.record.holder

    async def step(self) -> float:
        """One look and at most one write; returns after how many seconds the next one is due.

        `ClusterError` where the API server refuses or does not answer: all is then unknown, and
        the next step looks first. A term that is over by then has ended, whatever comes.
        """
        if self.term is not None and not self.term.acts:
            self._stand_down("the Lease could not be renewed in time")
        stored, self._stored = self._stored, None
        if self.term is None or stored is None:
            stored = await self._lease.read()
        seen = self._look(stored)
        tenure = None if self.term is None else self.term.tenure
        action = elect(seen, self._clock(), self.identity, tenure, self.times)
        match action:
            case Wait(seconds):
                return seconds
            case StandDown(why):
                self._stand_down(why)
                return 0.0
            case Acquire(term):
                return await self._acquire(stored, term)
            case Renew(term):
                return await self._renew(stored, term)

    async def release(self) -> bool:
        """Give the Lease back; whether it was still held. `ClusterError` as above."""
        term, self.term = self.term, None
        if term is None:
            return False
        term.end()
        stored = await self._lease.read()
        if (stored.record.holder, stored.record.term) != (self.identity, term.tenure.term):
            return False
        return await self._lease.release(stored) is not None

    def _look(self, stored: StoredLease) -> Sighting:
        before, seen = self._seen, Sighting(stored.record, self._clock(), stored.version)
        if before is not None:
            seen = before.followed_by(seen)
        if before is None or before.record.holder != seen.record.holder:
            log.info("leader: %s", seen.record.holder or "nobody")
        self._seen = seen
        return seen

    async def _acquire(self, stored: StoredLease, number: int) -> float:
        sent = self._clock()
        taken = await self._lease.acquire(stored, self.identity, number)
        if taken is None:
            return self.times.retry_period_seconds
        self._keep(taken)
        tenure = tenure_of(number, sent, self.times)
        self.term = Term(
            tenure, self.identity, taken.version, self.times.write_seconds, self._clock
        )
        log.info("leading, term %d", number)
        return self.times.retry_period_seconds

    async def _renew(self, stored: StoredLease, number: int) -> float:
        sent = self._clock()
        renewed = await self._lease.renew(stored)
        if renewed is None:
            return 0.0
        self._keep(renewed)
        if self.term is not None:
            self.term.extend(tenure_of(number, sent, self.times))
        return self.times.retry_period_seconds

    def _keep(self, stored: StoredLease) -> None:
        self._stored = stored
        self._look(stored)

    def _stand_down(self, why: str) -> None:
        if self.term is not None:
            log.warning("leads no more: %s", why)
            self.term.end()
            self.term = None
