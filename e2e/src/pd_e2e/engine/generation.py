"""The endpoints that generate: OpenAI chat, OpenAI completions, and SGLang's own."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pd_e2e.engine import answers
from pd_e2e.engine.answers import Answer
from pd_e2e.engine.engine import Engine, Request
from pd_e2e.engine.intake import (
    BadRequestError,
    Body,
    Intake,
    IntakeLimits,
    read_chat,
    read_completion,
    read_generate,
)
from pd_e2e.engine.job import Finish, FinishKind, Output, is_error

_GONE = Finish(FinishKind.ABORT, "The client has closed its connection")


@dataclass(frozen=True)
class Dialect:
    """How an endpoint reads a body, answers, and refuses.

    `head_first`: a stream's HTTP head goes out before the first token. SGLang does so on
    `/generate`; the OpenAI endpoints wait for the first token.
    """

    read: Callable[[Body, IntakeLimits, float], Intake]
    answer: Callable[[Intake], Answer]
    refusal: Callable[[BadRequestError], dict[str, Any]]
    head_first: bool = False


def _openai_refusal(error: BadRequestError) -> dict[str, Any]:
    return answers.openai_error(str(error), "BadRequestError", int(error.status))


def _own_refusal(error: BadRequestError) -> dict[str, Any]:
    return {"error": {"message": str(error)}}


CHAT = Dialect(read_chat, answers.ChatAnswer, _openai_refusal)
COMPLETION = Dialect(read_completion, answers.CompletionAnswer, _openai_refusal)
GENERATE = Dialect(read_generate, answers.GenerateAnswer, _own_refusal, head_first=True)


@dataclass(frozen=True)
class GenerationEndpoint:
    """One endpoint of `engine` in a dialect."""

    engine: Engine
    dialect: Dialect

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Serve a request to its end, or until the client goes away."""
        received = asyncio.get_running_loop().time()
        await self.engine.running.wait()
        try:
            intake = self._read(await http.read(), received)
        except BadRequestError as error:
            return web.json_response(self.dialect.refusal(error), status=int(error.status))
        request = self.engine.submit(intake.job)
        try:
            answer = self.dialect.answer(intake)
            if intake.job.streaming:
                return await self._stream(http, request, answer)
            return await self._whole(request, answer)
        finally:
            self.engine.abort(intake.job, _GONE)

    def _read(self, raw: bytes, received: float) -> Intake:
        context = self.engine.context
        limits = IntakeLimits(
            context.input_tokens,
            context.total_tokens,
            context.arguments.bootstrap_port,
            context.arguments.context_tokens,
        )
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise BadRequestError(f"The body is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise BadRequestError("The body is not a JSON object")
        intake = self.dialect.read(body, limits, received)
        if intake.job.rid in self.engine.table:
            raise BadRequestError(f"Duplicate request ID detected: {intake.job.rid}")
        return intake

    async def _stream(
        self, http: web.Request, request: Request, answer: Answer
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        if self.dialect.head_first:
            await response.prepare(http)
        output = await request.outputs.get()
        if not self.dialect.head_first:
            await response.prepare(http)
        while output.finish is None:
            await response.write(answer.chunk(output))
            output = await request.outputs.get()
        await response.write_eof(answer.chunk(output))
        return response

    async def _whole(self, request: Request, answer: Answer) -> web.Response:
        output: Output = await request.outputs.get()
        while output.finish is None:
            output = await request.outputs.get()
        if is_error(output.finish):
            return web.json_response(
                answer.failure(output.finish), status=int(output.finish.status or 500)
            )
        return web.json_response(answer.whole(output))
