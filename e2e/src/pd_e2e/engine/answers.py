"""What goes back to the client: OpenAI chat and completions, and SGLang's own format.

Streams are built from strings that are encoded once per request: a chunk costs a few
concatenations.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from pd_e2e.engine.intake import Intake
from pd_e2e.engine.job import Finish, FinishKind, Output, is_error

_TOKEN = "a "  # noqa: S105 - the text of every generated token, not a secret
_TOKEN_ID = 0
DONE = b"data: [DONE]\n\n"


class Answer(Protocol):
    """One way of telling a client about the tokens of its request."""

    def chunk(self, output: Output) -> bytes:
        """Server-sent events for the tokens of `output`, and for the end if it is one."""

    def whole(self, output: Output) -> dict[str, Any]:
        """The body of an answer that is not a stream."""

    def failure(self, finish: Finish) -> dict[str, Any]:
        """The body of an answer to a request that failed."""


def event(data: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


def finish_reason(output: Output) -> dict[str, Any] | None:
    """SGLang's `finish_reason` of `/generate`."""
    finish = output.finish
    if finish is None:
        return None
    if finish.kind is FinishKind.LENGTH:
        return {"type": "length", "length": output.total_tokens}
    return {
        "type": "abort",
        "message": finish.message,
        "status_code": finish.status,
        "err_type": None,
    }


def openai_error(message: str, kind: str, status: int) -> dict[str, Any]:
    """SGLang's error body on the OpenAI endpoints."""
    return {"object": "error", "message": message, "type": kind, "param": None, "code": status}


def stream_error(finish: Finish) -> bytes:
    """The event by which an OpenAI stream ends when the engine failed the request."""
    status = HTTPStatus(finish.status or HTTPStatus.INTERNAL_SERVER_ERROR)
    return event({"error": openai_error(finish.message, status.name, status.value)})


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """OpenAI usage, with the fields that SGLang fills."""
    return {
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "completion_tokens": completion_tokens,
        "prompt_tokens_details": None,
        "reasoning_tokens": 0,
        "completion_tokens_details": None,
    }


@dataclass
class OpenAiAnswer:
    """What chat and text completions have in common; `chunk_object` names a stream's events."""

    intake: Intake
    chunk_object: str
    whole_object: str

    def __post_init__(self) -> None:
        self.created = int(time.time())
        self._head = (
            f'data: {{"id":{json.dumps(self.intake.job.rid)},"object":"{self.chunk_object}",'
            f'"created":{self.created},"model":{json.dumps(self.intake.model)},"choices":['
        )

    def chunk(self, output: Output) -> bytes:
        """Events for the tokens, and at the end the finish reason, the usage and `[DONE]`."""
        if output.finish and is_error(output.finish):
            return stream_error(output.finish) + DONE
        text = _TOKEN * output.new_tokens
        first = output.total_tokens == output.new_tokens
        events = self.texts(text, output.finish, first=first)
        if output.finish is None:
            return events.encode()
        if self.intake.include_usage:
            tokens = usage(output.job.prompt_tokens, output.total_tokens)
            events += f'{self._head}],"usage":{json.dumps(tokens)}}}\n\n'
        return events.encode() + DONE

    def texts(self, text: str, finish: Finish | None, *, first: bool) -> str:
        """Events for `text`; defined by each kind of completion."""
        raise NotImplementedError

    def framed(self, choice: str) -> str:
        """One event with one choice, given as JSON."""
        return f"{self._head}{choice}]}}\n\n"

    def completed(self, output: Output, choice: dict[str, Any]) -> dict[str, Any]:
        """A whole answer with one choice."""
        kind = output.finish.kind if output.finish else None
        return {
            "id": self.intake.job.rid,
            "object": self.whole_object,
            "created": self.created,
            "model": self.intake.model,
            "choices": [
                {
                    "index": 0,
                    **choice,
                    "logprobs": None,
                    "finish_reason": kind,
                    "matched_stop": None,
                }
            ],
            "usage": usage(output.job.prompt_tokens, output.total_tokens),
            "metadata": {"weight_version": "default"},
        }

    def failure(self, finish: Finish) -> dict[str, Any]:
        """As FastAPI's handler of `HTTPException` writes it: the type is the status itself."""
        status = finish.status or HTTPStatus.INTERNAL_SERVER_ERROR
        return openai_error(finish.message, str(int(status)), int(status))


class ChatAnswer(OpenAiAnswer):
    """`/v1/chat/completions`."""

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake, "chat.completion.chunk", "chat.completion")

    def texts(self, text: str, finish: Finish | None, *, first: bool) -> str:
        """A role event before the first text, a finish event after the last."""
        events = ""
        if first:
            events += self.framed(_chat_choice('"role":"assistant","content":""', "null"))
        if text:
            events += self.framed(_chat_choice(f'"content":"{text}"', "null"))
        if finish:
            events += self.framed(_chat_choice("", f'"{finish.kind}"'))
        return events

    def whole(self, output: Output) -> dict[str, Any]:
        """The message as one text."""
        text = _TOKEN * output.total_tokens
        message = {
            "role": "assistant",
            "content": text,
            "reasoning_content": None,
            "tool_calls": None,
        }
        return self.completed(output, {"message": message})


class CompletionAnswer(OpenAiAnswer):
    """`/v1/completions`."""

    def __init__(self, intake: Intake) -> None:
        super().__init__(intake, "text_completion", "text_completion")

    def texts(self, text: str, finish: Finish | None, *, first: bool) -> str:
        """One event; the finish reason is in the one with the last text."""
        del first
        reason = f'"{finish.kind}"' if finish else "null"
        return self.framed(
            f'{{"index":0,"text":"{text}","logprobs":null,"finish_reason":{reason},'
            '"matched_stop":null}'
        )

    def whole(self, output: Output) -> dict[str, Any]:
        """The text."""
        return self.completed(output, {"text": _TOKEN * output.total_tokens})


@dataclass
class GenerateAnswer:
    """SGLang's `/generate`: every event carries the whole text so far."""

    intake: Intake

    def chunk(self, output: Output) -> bytes:
        """One event, and `[DONE]` after the last."""
        return event(self.whole(output)) + (DONE if output.finish else b"")

    def whole(self, output: Output) -> dict[str, Any]:
        """Text, ids, and the request's `meta_info`."""
        job = output.job
        return {
            "text": _TOKEN * output.total_tokens,
            "output_ids": [_TOKEN_ID] * output.total_tokens,
            "meta_info": {
                "id": job.rid,
                "finish_reason": finish_reason(output),
                "prompt_tokens": job.prompt_tokens,
                "weight_version": "default",
                "completion_tokens": output.total_tokens,
                "cached_tokens": 0,
                "e2e_latency": output.at - job.stamps.received,
            },
        }

    def failure(self, finish: Finish) -> dict[str, Any]:
        """As FastAPI's handler of `HTTPException` writes it: the type is the status itself."""
        status = finish.status or HTTPStatus.INTERNAL_SERVER_ERROR
        return openai_error(finish.message, str(int(status)), int(status))


def _chat_choice(delta: str, finish: str) -> str:
    comma = "," if delta else ""
    return (
        f'{{"index":0,"delta":{{"reasoning_content":null{comma}{delta}}},"logprobs":null,'
        f'"finish_reason":{finish},"matched_stop":null}}'
    )
