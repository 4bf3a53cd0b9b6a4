"""A prefill and a decode in one virtual time, with no process, socket or router in between."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pd_e2e.engine.decode import DecodeLimits, DecodeScheduler
from pd_e2e.engine.job import Bootstrap, Job, Output
from pd_e2e.engine.prefill import PrefillLimits, PrefillScheduler
from pd_operator.performance.timing import KvLink, Timings


@dataclass(frozen=True)
class Arrival:
    """A streaming request; `at` in seconds of the virtual time."""

    at: float
    prompt_tokens: int
    output_tokens: int


class Pair:
    """What the engine simulator's schedulers alone make of some requests."""

    def __init__(
        self,
        prefill: tuple[Timings, PrefillLimits],
        decode: tuple[Timings, DecodeLimits],
        link: KvLink,
    ) -> None:
        self._prefill = PrefillScheduler(*prefill, link)
        self._decode = DecodeScheduler(*decode, self._admit)
        self._sides: dict[str, tuple[Job, Job]] = {}
        self._outputs: dict[str, list[Output]] = {}
        self._now = 0.0

    def run(self, arrivals: Iterable[Arrival]) -> list[list[Output]]:
        """The outputs of each request; arrivals are in the order of time."""
        for index, arrival in enumerate(arrivals):
            self._run_until(arrival.at)
            prefill, decode = _job(index, arrival), _job(index, arrival)
            self._sides[prefill.rid] = (prefill, decode)
            self._outputs[prefill.rid] = []
            self._prefill.submit(prefill, arrival.at)
            self._note(self._decode.submit(decode, arrival.at))
        self._run_until(float("inf"))
        return list(self._outputs.values())

    @property
    def retractions(self) -> int:
        """Requests thrown out of the decode's batch so far."""
        return self._decode.retractions.requests

    def _admit(self, job: Job) -> None:
        self._prefill.admit(self._sides[job.rid][0], self._now)

    def _run_until(self, now: float) -> None:
        while True:
            events = (self._prefill.next_event(), self._decode.next_event())
            due = [at for at in events if at is not None and at <= now]
            if not due:
                self._now = now
                return
            self._now = min(due)
            for moved in self._prefill.advance(self._now):
                self._note(self._decode.arrived(self._sides[moved.job.rid][1], moved.at))
            self._note(self._decode.advance(self._now))

    def _note(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self._outputs[output.job.rid].append(output)


def _job(index: int, arrival: Arrival) -> Job:
    place = Bootstrap("prefill", 8998, index)
    return Job(str(index), arrival.prompt_tokens, arrival.output_tokens, True, place)
