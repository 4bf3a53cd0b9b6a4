"""A request on its way through the service."""

from typing import Protocol

from pd_operator.simulation.prefixes import Blocks


class Prefill(Protocol):
    """The worker that computes a job's prompt, as others speak to it about the job."""

    def admit(self, job: "Job") -> None:
        """A decode has room for its KV."""

    def release(self, job: "Job") -> None:
        """Its KV is on the decode."""

    def forget(self, job: "Job") -> None:
        """It was lost elsewhere."""


class Decode(Protocol):
    """The worker that generates a job's answer, as others speak to it about the job."""

    def kv_arrived(self, job: "Job") -> None:
        """Its KV came over the link."""

    def forget(self, job: "Job") -> None:
        """It was lost elsewhere."""


class Job:
    """Request number `index`, while it is in the service.

    - `cached`: tokens of the prompt that need not be computed.
    - `blocks`: what the prompt begins with, where each worker has a prefix cache of its own.
    - `generated`: tokens that it had when it last joined a batch.
    - `first_token_at`: seconds; 0 before.
    - `lost`: whether a worker that had it has died.
    """

    __slots__ = (
        "arrival",
        "blocks",
        "cached",
        "decode",
        "first_token_at",
        "generated",
        "index",
        "lost",
        "output",
        "prefill",
        "prompt",
    )

    prefill: Prefill
    decode: Decode

    def __init__(
        self,
        index: int,
        arrival: float,
        prompt: int,
        output: int,
        cached: int,
        blocks: Blocks = (),
    ) -> None:
        self.index = index
        self.arrival = arrival
        self.prompt = prompt
        self.output = output
        self.cached = cached
        self.blocks = blocks
        self.generated = 0
        self.first_token_at = 0.0
        self.lost = False
