"""One request as the schedulers see it."""

from dataclasses import dataclass, field
from enum import StrEnum

NO_PEER = "2.2.2.2"
"""A request with this bootstrap host has nobody on the other side: health checks, and profiling
one role alone. SGLang pretends that its KV arrives, or leaves, in no time.
"""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Where a decode finds the KV cache of a request: the prefill's registry, and the room."""

    host: str
    port: int
    room: int

    @property
    def address(self) -> str:
        """`host:port`, the key under which a decode remembers a prefill."""
        return f"{self.host}:{self.port}"

    @property
    def has_peer(self) -> bool:
        """Whether another worker takes part."""
        return self.host != NO_PEER


@dataclass(slots=True)
class Stamps:
    """When the request passed each stage, on the engine's clock; 0.0 is "not yet".

    received: the HTTP server had it. queued: in the role's first queue. admitted: the decode has
    room for its KV (both roles learn this). started: its first pass, or its join to the batch.
    computed: its prompt is through (prefill). moved: its KV is on the decode.
    """

    received: float = 0.0
    queued: float = 0.0
    admitted: float = 0.0
    started: float = 0.0
    computed: float = 0.0
    moved: float = 0.0


@dataclass(slots=True, eq=False)
class Job:
    """A request in a scheduler. Tokens are counts; the output length is known beforehand.

    `prompt_key` is equal for equal prompts.
    """

    rid: str
    prompt_tokens: int
    output_tokens: int
    streaming: bool
    bootstrap: Bootstrap
    prompt_key: int = 0
    stamps: Stamps = field(default_factory=Stamps)
    generated: int = 0
    sent: int = 0

    @property
    def context_tokens(self) -> int:
        """Tokens of KV that it holds."""
        return self.prompt_tokens + self.generated


class FinishKind(StrEnum):
    """SGLang's finish types that occur here."""

    LENGTH = "length"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Finish:
    """Why a request ended. An abort with a status is an error, one without was asked for."""

    kind: FinishKind
    message: str = ""
    status: int | None = None


FINISHED = Finish(FinishKind.LENGTH)


def is_error(finish: Finish) -> bool:
    """Whether the engine failed the request, as opposed to somebody aborting it."""
    return finish.kind is FinishKind.ABORT and finish.status is not None


@dataclass(frozen=True, slots=True)
class Output:
    """Tokens that leave a scheduler at `at` seconds, and why the request ended, if it did."""

    job: Job
    at: float
    new_tokens: int
    total_tokens: int
    finish: Finish | None = None
