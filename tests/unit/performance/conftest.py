"""Workers of made-up engines: counters that grow as those of an engine of a given pace would."""

from collections.abc import Callable

import numpy as np
import pytest

from pd_operator.api.roles import Role
from pd_operator.performance import EngineSurfaces, load_bundled
from pd_operator.performance.counters import Counters
from pd_operator.performance.learning import Reference, WorkerReading
from pd_operator.performance.prefill_batching import Prompts

MakeReading = Callable[..., WorkerReading]
CONTEXT = 2000.0


@pytest.fixture(scope="session")
def surfaces() -> EngineSurfaces:
    return load_bundled("llama-3.1-70b-h100").surfaces(4)


@pytest.fixture(scope="session")
def prompts() -> Prompts:
    lengths = np.array([200.0, 800.0, 2500.0])
    return Prompts(lengths, np.array([0.3, 0.5, 0.2]))


@pytest.fixture(scope="session")
def references(surfaces: EngineSurfaces) -> dict[Role, Reference]:
    return {role: Reference(surfaces, "profile", "v1") for role in Role}


@pytest.fixture
def decoding(surfaces: EngineSurfaces) -> MakeReading:
    """A decode worker after `steps` steps of `batch` sequences, `pace` times too slow."""

    def read(
        time: float, steps: float, batch: float = 32.0, pace: float = 1.0, **changes: object
    ) -> WorkerReading:
        micros = 1e6 * pace * surfaces.decode_step_seconds(batch, CONTEXT)
        each = (1.0, batch, micros, batch**2, batch * micros, batch)
        moments = tuple(steps * moment for moment in each)
        counters = Counters(time, 0.0, 0.0, moments)
        facts = {"name": "d1", "role": Role.DECODE, "software": "v1", "context_tokens": CONTEXT}
        return WorkerReading(**{"counters": counters, **facts, **changes})  # type: ignore[arg-type]  # fields by name

    return read


@pytest.fixture
def prefilling(surfaces: EngineSurfaces, prompts: Prompts) -> MakeReading:
    """A prefill worker after `computed` prompts, one in a pass each, `pace` times too slow."""

    def read(time: float, computed: float, pace: float = 1.0, **changes: object) -> WorkerReading:
        alone = float(prompts.probabilities @ surfaces.prefill_seconds_each(prompts.lengths))
        counters = Counters(time, computed * prompts.mean, computed * pace * alone, ())
        facts = {"name": "p1", "role": Role.PREFILL, "software": "v1"}
        return WorkerReading(**{"counters": counters, **facts, **changes})  # type: ignore[arg-type]  # fields by name

    return read
