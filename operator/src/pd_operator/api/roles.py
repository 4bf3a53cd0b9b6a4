"""The two roles a worker of a prefill/decode service can have."""

from enum import StrEnum


class Role(StrEnum):
    """What a worker does for a request; the value of the pod label `LABEL_ROLE`."""

    PREFILL = "prefill"
    """Runs the prompt and hands its KV cache over: its speed sets the time to first token."""

    DECODE = "decode"
    """Produces the tokens after the first: its speed sets the time per output token."""

    @property
    def other(self) -> "Role":
        """The role at the other end of the hand-over."""
        return Role.DECODE if self is Role.PREFILL else Role.PREFILL
