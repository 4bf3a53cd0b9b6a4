"""Sending one request and recording how it went."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from pd_e2e.loadgen.prompts import PromptText
from pd_e2e.loadgen.records import Outcome, RequestRecord
from pd_e2e.loadgen.stream import StreamReading

CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True)
class Planned:
    """A request that is to be sent."""

    number: int
    service: str
    scheduled_seconds: float
    input_tokens: int
    output_tokens: int


@dataclass(slots=True)
class _Progress:
    """How far one exchange has got; read when it breaks off."""

    status: int = 0
    reading: StreamReading = field(default_factory=StreamReading)
    detail: str = ""


def open_session(timeout_seconds: float) -> aiohttp.ClientSession:
    """A session for many independent clients.

    Every request has its own connection, as requests of different users do: no limit makes one
    wait for another, and none is lost because an idle connection was closed under it.
    """
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    return aiohttp.ClientSession(connector=connector, timeout=timeout)


@dataclass(frozen=True)
class ChatClient:
    """Streams chat completions of a wanted length from one endpoint.

    `clock` gives seconds since the start of the replay.
    """

    session: aiohttp.ClientSession
    url: str
    model: str
    prompts: PromptText
    clock: Callable[[], float]

    async def send(self, planned: Planned) -> RequestRecord:
        """Send one request and read its answer to the end; never raises but when canceled twice.

        A cancellation is recorded as an interrupted request.
        """
        progress = _Progress()
        sent = self.clock()
        try:
            outcome = await self._exchange(planned, progress)
        except TimeoutError:
            outcome = Outcome.TIMEOUT
        except (aiohttp.ClientError, OSError) as error:
            outcome, progress.detail = Outcome.RESET, f"{type(error).__name__}: {error}"[:200]
        except asyncio.CancelledError:
            outcome = Outcome.INTERRUPTED
        return self._record(planned, sent, progress, outcome)

    async def _exchange(self, planned: Planned, progress: _Progress) -> Outcome:
        async with self.session.post(
            self.url + CHAT_PATH,
            data=self._body(planned),
            headers={"Content-Type": "application/json"},
        ) as response:
            progress.status = response.status
            if response.status != 200:
                progress.detail = (await response.text(errors="replace"))[:200]
                return Outcome.HTTP_ERROR
            reading = progress.reading
            while data := await response.content.readany():
                reading.feed(data, self.clock())
        if reading.error:
            progress.detail = reading.error
            return Outcome.STREAM_ERROR
        complete = reading.done and reading.output_tokens >= planned.output_tokens
        return Outcome.OK if complete else Outcome.SHORT

    def _body(self, planned: Planned) -> bytes:
        return json.dumps(
            {
                "model": self.model,
                "messages": [
                    {
                        "role": "user",
                        "content": self.prompts.prompt(planned.input_tokens, planned.number),
                    }
                ],
                "max_tokens": planned.output_tokens,
                # SGLang's extension: the answer is exactly as long as asked for.
                "ignore_eos": True,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        ).encode()

    def _record(
        self, planned: Planned, sent: float, progress: _Progress, outcome: Outcome
    ) -> RequestRecord:
        reading = progress.reading
        first = reading.first_token_seconds
        return RequestRecord(
            service=planned.service,
            scheduled_seconds=planned.scheduled_seconds,
            sent_seconds=sent,
            finished_seconds=self.clock(),
            input_tokens=planned.input_tokens,
            output_tokens=planned.output_tokens,
            prompt_tokens_counted=reading.prompt_tokens,
            output_tokens_received=reading.output_tokens,
            ttft_seconds=float("nan") if first is None else first - sent,
            tpot_seconds=reading.tpot_seconds,
            outcome=outcome,
            status=progress.status,
            detail=progress.detail,
        )
