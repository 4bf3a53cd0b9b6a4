"""Engines with simple numbers, and a clock that tests hold in their hands."""

from collections.abc import Callable

import pytest

from pd_e2e.engine.job import Bootstrap, Job
from pd_operator.performance import EngineSurfaces
from pd_operator.performance.timing import Timings

MakeJob = Callable[..., Job]


@pytest.fixture
def timings(surfaces: EngineSurfaces) -> Timings:
    return Timings(surfaces)


@pytest.fixture
def make_job() -> MakeJob:
    """Jobs with rooms of their own."""
    made = 0

    def make(
        prompt_tokens: int = 1000,
        output_tokens: int = 10,
        *,
        streaming: bool = True,
        host: str = "prefill",
    ) -> Job:
        nonlocal made
        made += 1
        return Job(
            rid=f"job-{made}",
            prompt_tokens=prompt_tokens,
            output_tokens=output_tokens,
            streaming=streaming,
            bootstrap=Bootstrap(host, 8998, made),
        )

    return make
