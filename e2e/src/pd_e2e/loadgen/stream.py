"""Reading one answer's event stream, cheaply: thousands of events per second pass here."""

import json
import re

TOKEN_EVENT = re.compile(rb'"(?:reasoning_)?content"\s*:\s*"[^"]')
"""An event that carries text. The first event of a stream may carry only the role."""

USAGE_EVENT = re.compile(rb'"usage"\s*:\s*\{')
ERROR_EVENT = re.compile(rb'^data:\s*\{\s*"error"')
DONE_EVENT = b"data: [DONE]"


class StreamReading:
    """What an answer's stream has said so far, and when its first and last tokens came."""

    __slots__ = (
        "_rest",
        "done",
        "error",
        "first_token_seconds",
        "last_token_seconds",
        "output_tokens",
        "prompt_tokens",
    )

    def __init__(self) -> None:
        self._rest = b""
        self.done = False
        self.error = ""
        self.first_token_seconds: float | None = None
        self.last_token_seconds: float | None = None
        self.prompt_tokens = 0
        self.output_tokens = 0

    def feed(self, data: bytes, now_seconds: float) -> None:
        """Take bytes that arrived at `now_seconds`; events may be cut anywhere."""
        *events, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n\n")
        for event in events:
            self._take(event, now_seconds)

    def _take(self, event: bytes, now_seconds: float) -> None:
        if TOKEN_EVENT.search(event):
            if self.first_token_seconds is None:
                self.first_token_seconds = now_seconds
            self.last_token_seconds = now_seconds
        elif event.startswith(DONE_EVENT):
            self.done = True
        elif ERROR_EVENT.match(event):
            self.error = event.decode(errors="replace")[:200]
        if USAGE_EVENT.search(event):
            self._take_usage(event)

    def _take_usage(self, event: bytes) -> None:
        try:
            usage = json.loads(event.removeprefix(b"data:"))["usage"]
            self.prompt_tokens = int(usage["prompt_tokens"])
            self.output_tokens = int(usage["completion_tokens"])
        except (ValueError, KeyError, TypeError) as error:
            self.error = f"unreadable usage ({error!r}): {event[:100].decode(errors='replace')}"

    @property
    def tpot_seconds(self) -> float:
        """(last token - first token) / (tokens - 1); NaN below two tokens."""
        if self.first_token_seconds is None or self.last_token_seconds is None:
            return float("nan")
        if self.output_tokens < 2:
            return float("nan")
        return (self.last_token_seconds - self.first_token_seconds) / (self.output_tokens - 1)
