"""What one worker of each role carries within the objectives, as the literature reckons it."""

from dataclasses import dataclass

import numpy as np

from pd_operator.planning.engine import EngineModel
from pd_operator.planning.objectives import Objectives

_LARGEST_BATCH = 512


@dataclass(frozen=True)
class WorkerCapacity:
    """The engine's surfaces at mean lengths; no queue is reckoned with."""

    engine: EngineModel
    objectives: Objectives

    def prompt_seconds(self, prompt_tokens: float) -> float:
        """Seconds that a prompt takes a prefill worker by itself."""
        return self.engine.prefill.prefill_seconds(max(prompt_tokens, 1.0))

    def prefill_requests_per_second(self, prompt_tokens: float) -> float:
        """Most prompts per second of a prefill worker whose pass keeps the objective.

        One prompt at a time where no batch does: an objective out of reach is not Dynamo's care.
        """
        surfaces = self.engine.prefill
        tokens = max(prompt_tokens, 1.0)
        batches = range(1, max(1, int(surfaces.kv_capacity_tokens // tokens)) + 1)
        rates = [
            batch / seconds
            for batch in batches[:64]
            if (seconds := surfaces.prefill_seconds(tokens, batch)) <= self.objectives.ttft.seconds
        ]
        return max(rates, default=1 / surfaces.prefill_seconds(tokens, 1))

    def decode_batch(self, context_tokens: float) -> int:
        """Most sequences of a decode worker whose step keeps the objective and that fit its KV."""
        surfaces = self.engine.decode
        context = max(context_tokens, 1.0)
        room = max(1, int(surfaces.kv_capacity_tokens // context))
        batches = np.arange(1.0, min(room, _LARGEST_BATCH) + 1)
        steps = surfaces.decode_step_seconds_each(batches, context)
        return max(1, int((steps <= self.objectives.tpot.seconds).sum()))

    def decode_requests_per_second(self, prompt_tokens: float, output_tokens: float) -> float:
        """Most answers per second of a decode worker at that batch."""
        context = prompt_tokens + output_tokens / 2
        batch = self.decode_batch(context)
        step = self.engine.decode.decode_step_seconds(batch, max(context, 1.0))
        return batch / (max(output_tokens, 1.0) * step)

    def workers_per_decode(self, prompt_tokens: float, output_tokens: float) -> float:
        """Prefill workers that keep one decode worker full: the ratio of a pressure test."""
        decode = self.decode_requests_per_second(prompt_tokens, output_tokens)
        return decode * self.prompt_seconds(prompt_tokens)
