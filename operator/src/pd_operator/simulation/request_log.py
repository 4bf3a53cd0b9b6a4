"""What became of each request."""

from array import array
from math import inf, nan

import numpy as np
import numpy.typing as npt

from pd_operator.simulation.job import Job

Column = npt.NDArray[np.float32]


class RequestLog:
    """Two columns of single precision, and counts: 8 bytes per request, however many there are."""

    __slots__ = ("_completed", "_open", "_tpot", "_ttft", "lost_requests", "retractions")

    def __init__(self, requests: int) -> None:
        self._open = requests
        self._completed: array[int] | None = None
        self._ttft = array("f", [nan]) * requests
        self._tpot = array("f", [nan]) * requests
        self.lost_requests = 0
        self.retractions = 0

    def finished(self, job: Job, at: float) -> None:
        """The last token of `job` left at `at` seconds."""
        first = job.first_token_at
        index = job.index
        self._open -= 1
        self._ttft[index] = first - job.arrival
        if job.output > 1:
            self._tpot[index] = (at - first) / (job.output - 1)
        if self._completed is not None:
            self._completed.append(index)

    def lost(self, job: Job) -> None:
        """`job` got no answer, or only a part of it: it meets no objective."""
        job.lost = True
        self.lost_requests += 1
        self._open -= 1
        self._ttft[job.index] = self._tpot[job.index] = inf
        if self._completed is not None:
            self._completed.append(job.index)

    def is_open(self) -> bool:
        """Whether there is a request without its end."""
        return self._open > 0

    def note_completions(self) -> None:
        """From now on remember which requests were completed, for `completed_since`."""
        self._completed = array("q")

    def completed_since(self) -> npt.NDArray[np.intp]:
        """Numbers of the requests completed or lost since the last call, in that order."""
        if self._completed is None:
            raise RuntimeError("completions are not noted")
        rows = np.array(self._completed, dtype=np.intp)
        self._completed = array("q")
        return rows

    @property
    def ttft_seconds(self) -> Column:
        """Seconds from arrival to first token; infinite for lost requests."""
        return np.frombuffer(self._ttft, dtype=np.float32)

    @property
    def tpot_seconds(self) -> Column:
        """Mean seconds per token after the first; NaN where there is but one."""
        return np.frombuffer(self._tpot, dtype=np.float32)
