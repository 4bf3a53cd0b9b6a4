"""What dies with a worker: its requests are lost, and their other worker forgets them."""

from collections.abc import Collection, Iterable

from pd_operator.simulation.agenda import Agenda
from pd_operator.simulation.decode_worker import DecodeWorker
from pd_operator.simulation.job import Job
from pd_operator.simulation.prefill_worker import PrefillWorker
from pd_operator.simulation.request_log import RequestLog


def lose_prefill(
    dead: PrefillWorker, decodes: Collection[DecodeWorker], agenda: Agenda, log: RequestLog
) -> None:
    """Lose the requests of a dead prefill whose KV is not on their decode yet."""
    waiting = (job for decode in decodes for job in decode.jobs_before_transfer())
    lost = [job for job in waiting if job.prefill is dead]
    lost += dead.jobs()
    lost += (job for job in _on_the_way(agenda) if job.prefill is dead)
    for job in lost:
        if not job.lost:
            log.lost(job)
            job.decode.forget(job)
    for decode in decodes:
        decode.refill()


def lose_decode(
    dead: DecodeWorker, prefills: Iterable[PrefillWorker], agenda: Agenda, log: RequestLog
) -> None:
    """Lose the requests of a dead decode, wherever they are."""
    for job in (job for job in _on_the_way(agenda) if job.decode is dead and not job.lost):
        log.lost(job)
    ahead = [job for prefill in prefills for job in prefill.jobs() if job.decode is dead]
    for job in (*dead.jobs_before_transfer(), *ahead):
        if not job.lost:
            log.lost(job)
            job.prefill.forget(job)
    for job in dead.jobs():
        if not job.lost:
            log.lost(job)


def _on_the_way(agenda: Agenda) -> Iterable[Job]:
    """Requests whose KV is being moved: only these are what an event is about."""
    return [subject for subject in agenda.subjects() if isinstance(subject, Job)]
