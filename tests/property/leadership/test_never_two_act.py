"""However requests are lost, processes stopped and Leases edited: never two that act at once.

Two processes and a Lease. Each request goes to the API server and back in its own time, or is lost
on either way, or arrives when nobody waits for it any more. Clocks differ, and run up to 2 % faster
or slower. A process that is stopped is one that takes no step while time passes.
"""

from typing import cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.property.leadership.model import ModelLease, Process

from pd_operator.leadership.candidate import Candidate
from pd_operator.leadership.election import ElectionTimes, LeaseRecord
from pd_operator.leadership.lease import LeaseStore

TIMES = ElectionTimes()
CLOCK_RATES = st.sampled_from([0.98, 1.0, 1.02])
EDITS = st.sampled_from(
    [
        LeaseRecord(),
        LeaseRecord("", 15.0, 3, acquired="once"),
        LeaseRecord("", 1.0, 3, acquired="once"),
        LeaseRecord("somebody", 15.0, 3),
        LeaseRecord("somebody", 1.0, 3),
        LeaseRecord("process-1", 15.0, 3),
        LeaseRecord("process-2", 1.0, 3),
    ]
)


class Election(RuleBasedStateMachine):
    """Two processes, one Lease, and what comes between."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.lease = ModelLease()
        self.processes: list[Process] = []
        self.born = 0
        self.writes: list[tuple[Process, float]] = []

    @initialize(rates=st.tuples(CLOCK_RATES, CLOCK_RATES), offset=st.sampled_from([0.0, 1e6]))
    def start(self, rates: tuple[float, float], offset: float) -> None:
        self.rates, self.offset = rates, offset
        self.processes = [Process(self._candidate(at)) for at in range(2)]

    def _candidate(self, at: int) -> Candidate:
        self.born += 1
        store, rate, offset = cast("LeaseStore", self.lease), self.rates[at], at * self.offset
        clock = lambda: offset + rate * self.now  # noqa: E731  a clock is a function
        return Candidate(store, f"process-{self.born}", TIMES, clock)

    @rule(at=st.integers(0, 1), lost=st.sampled_from([False, False, False, True]))
    def a_process_gets_further(self, at: int, lost: bool) -> None:
        self.processes[at].proceed(lost=lost)

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.0, 4.9, 15.4]))
    def time_passes(self, seconds: float) -> None:
        """With both stopped: where they are not, many of these lie between few of their steps."""
        self.now += seconds
        self.writes = [(process, ends) for process, ends in self.writes if ends > self.now]

    @rule(at=st.integers(0, 1), seconds=st.sampled_from([2.0, 8.0, 14.0, 20.0]))
    def time_passes_for_one_while_the_other_is_stopped(self, at: int, seconds: float) -> None:
        for _ in range(int(seconds / 2)):
            self.time_passes(2.0)
            for _ in range(5):
                self.processes[at].proceed()
            self.never_do_two_act()

    @rule(at=st.integers(0, 1))
    def a_leader_begins_a_write(self, at: int) -> None:
        if self.processes[at].acts:
            self.writes.append((self.processes[at], self.now + TIMES.write_seconds))

    @rule(data=st.data())
    def a_request_arrives_of_one_that_gave_up(self, data: st.DataObject) -> None:
        if self.lease.late:
            self.lease.late.pop(data.draw(st.integers(0, len(self.lease.late) - 1)))()

    @rule(record=EDITS)
    def somebody_edits_or_deletes_the_lease(self, record: LeaseRecord) -> None:
        self.lease.edit(record)

    @rule(at=st.integers(0, 1))
    def a_process_is_killed_and_another_starts(self, at: int) -> None:
        gone = self.processes[at]
        self.processes[at] = Process(self._candidate(at))
        # What it had under way may still arrive.
        if gone.step is not None:
            gone.proceed(lost=True)
            gone.restart(gone.candidate)
        if gone.candidate.term is not None:
            gone.candidate.term.end()

    @rule(at=st.integers(0, 1))
    def a_process_ends_in_order_and_another_starts(self, at: int) -> None:
        gone = self.processes[at]
        if any(process is gone for process, _ in self.writes):
            return  # it waits for them
        if gone.step is not None:
            gone.step.close()
        gone.step = gone.candidate.release()
        while gone.step is not None:
            gone.proceed()
        self.processes[at] = Process(self._candidate(at))

    @invariant()
    def never_do_two_act(self) -> None:
        acting = [process for process in self.processes if process.acts]
        assert len(acting) < 2
        late = [process for process, _ in self.writes if acting and process is not acting[0]]
        assert not late, "a write of one who led is still under way"


Election.TestCase.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
TestNeverTwoAct = Election.TestCase


def test_left_alone_one_of_two_leads_and_the_other_takes_over_when_it_is_gone() -> None:
    election = Election()
    election.start((1.0, 1.0), 0.0)
    election.time_passes_for_one_while_the_other_is_stopped(0, 20.0)
    assert election.processes[0].acts
    election.time_passes_for_one_while_the_other_is_stopped(1, 14.0)
    assert not any(process.acts for process in election.processes)
    election.time_passes_for_one_while_the_other_is_stopped(1, 4.0)
    assert election.processes[1].acts
    assert election.lease.record.term == 2
    # The first finds out at its next step, whatever it was in the middle of.
    for _ in range(6):
        election.processes[0].proceed()
    assert not election.processes[0].acts


def test_a_leader_that_ends_in_order_is_followed_at_the_next_look() -> None:
    election = Election()
    election.start((1.0, 1.0), 0.0)
    election.time_passes_for_one_while_the_other_is_stopped(0, 20.0)
    for _ in range(3):
        election.processes[1].proceed()
    election.a_process_ends_in_order_and_another_starts(0)
    for _ in range(5):
        election.processes[1].proceed()
    assert election.processes[1].acts
