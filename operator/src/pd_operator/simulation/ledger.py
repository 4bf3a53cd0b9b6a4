"""What became of each request."""

from array import array
from math import inf, nan

import numpy as np
import numpy.typing as npt

from pd_operator.simulation.job import Job

Column = npt.NDArray[np.float32]


class Ledger:
    """Two columns of single precision, and counts: 8 bytes per request, however many there are."""

    __slots__ = ("_tpot", "_ttft", "finished_requests", "lost_requests")

    def __init__(self, requests: int) -> None:
        self._ttft = array("f", [nan]) * requests
        self._tpot = array("f", [nan]) * requests
        self.finished_requests = 0
        self.lost_requests = 0

    def finished(self, job: Job, at: float) -> None:
        """The last token of `job` left at `at` seconds."""
        first = job.first_token_at
        index = job.index
        self.finished_requests += 1
        self._ttft[index] = first - job.arrival
        if job.output > 1:
            self._tpot[index] = (at - first) / (job.output - 1)

    def lost(self, job: Job) -> None:
        """`job` got no answer, or only a part of it: it meets no objective."""
        job.lost = True
        self.lost_requests += 1
        self._ttft[job.index] = self._tpot[job.index] = inf

    @property
    def ttft_seconds(self) -> Column:
        """Seconds from arrival to first token; infinite for lost requests."""
        return np.frombuffer(self._ttft, dtype=np.float32)

    @property
    def tpot_seconds(self) -> Column:
        """Mean seconds per token after the first; NaN where there is but one."""
        return np.frombuffer(self._tpot, dtype=np.float32)
