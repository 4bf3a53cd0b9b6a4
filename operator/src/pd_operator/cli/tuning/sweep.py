"""Many candidates at once, in processes, resumable."""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from pd_operator.cli.simulating.request import SimulationRequest
from pd_operator.cli.tuning.candidates import Candidate
from pd_operator.cli.tuning.trial import Trial, Tried, tried


class Kept:
    """Trials of earlier runs, a line of JSON each; without a path nothing is kept.

    A line counts for the same load and service only: both go into its key.
    """

    def __init__(self, path: Path | None, request: SimulationRequest) -> None:
        self._path = path
        self._load = _digest(request)
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        rows = (json.loads(line) for line in lines)
        self._trials = {row["key"]: Trial(**row["trial"]) for row in rows}

    def trial(self, candidate: Candidate) -> Trial | None:
        """What was found before."""
        return self._trials.get(self._key(candidate))

    def add(self, candidate: Candidate, trial: Trial) -> None:
        """Keep it for a later run."""
        if self._path is None:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": self._key(candidate), "trial": asdict(trial)}) + "\n")

    def _key(self, candidate: Candidate) -> str:
        return f"{self._load} {candidate.name}"


def sweep(
    request: SimulationRequest,
    candidates: Sequence[Candidate],
    *,
    jobs: int,
    kept: Kept,
    advance: Callable[[], None],
) -> list[Tried]:
    """Try all, in the order given; `advance` is called as each one is known."""
    known = {candidate.name: kept.trial(candidate) for candidate in candidates}
    missing = [candidate for candidate in candidates if known[candidate.name] is None]
    for _ in range(len(candidates) - len(missing)):
        advance()
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(tried, request, candidate): candidate for candidate in missing}
        try:
            for done in as_completed(running):
                candidate, found = running[done], done.result()
                known[candidate.name] = found
                kept.add(candidate, found)
                advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [(one, trial) for one in candidates if (trial := known[one.name]) is not None]


def _digest(request: SimulationRequest) -> str:
    played, digest = request.requests, hashlib.sha256()
    for part in (played.arrival_seconds, played.prompt_tokens, played.output_tokens):
        digest.update(part.tobytes())
    digest.update(request.spec.model_dump_json(exclude_unset=True).encode())
    digest.update(repr(request.profile).encode())
    digest.update(f"{request.begin_seconds} {request.seed}".encode())
    return digest.hexdigest()[:16]
