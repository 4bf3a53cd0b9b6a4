"""Measures one engine alone, by its own counters: what the network adds is not in them.

Requests carry the bootstrap address at which SGLang fakes the other role, so that a prefill
computes without a decode, and a decode generates from a made-up KV cache. Prompts are random
tokens: no prefix cache knows them.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout

from pd_operator.api.roles import Role
from pd_operator.performance import ProfileError
from pd_operator.performance.campaign import Finding, Probe
from pd_operator.performance.counters import Counters, decode_work
from pd_operator.performance.points import DecodePoint, PrefillPoint
from pd_operator.scaling.observation import EngineLoad, Unknown
from pd_operator.telemetry.engines import read_load

ANSWER_TOKENS = 192
"""Long enough for a few publications of the counters, one every fifteen steps."""

_FAKE_PEER = "2.2.2.2"
_LOOK_SECONDS = 0.05
_ANSWER_TIMEOUT_SECONDS = 120.0
_QUIET_TIMEOUT_SECONDS = 60.0
_ATTEMPTS = 3
_TOKEN_IDS = range(100, 20_000)
_WHOLE_PROMPT = 0.9
_WHOLE_BATCH = 0.9


class BusyError(Exception):
    """The engine has too much traffic of its own to be measured; the message says so."""


@dataclass
class Prober:
    """Puts single probes to one engine at `url`."""

    session: ClientSession
    url: str
    draws: random.Random = field(default_factory=random.Random)

    async def load(self) -> EngineLoad:
        """The engine's counters now; `ProfileError` where it does not tell."""
        reading = await read_load(self.session, self.url, 10.0)
        if isinstance(reading, Unknown):
            raise ProfileError(reading.message)
        return reading.value

    async def measure(self, probe: Probe) -> Finding:
        """The point that `probe` asks for. `BusyError` where other requests never let it."""
        for _ in range(_ATTEMPTS):
            await self._quiet()
            found = await (
                self._prefill(probe) if probe.role is Role.PREFILL else self._decode(probe)
            )
            if found is not None:
                return found
        raise BusyError(f"{self.url} has too many requests of its own for a {probe}")

    async def _prefill(self, probe: Probe) -> Finding | None:
        """One prompt. None where the engine computed something else meanwhile."""
        before = await self.load()
        await self._generate(probe.tokens, 1)
        after = await self._settled(before)
        tokens = after.prefill_uncached_tokens_total - before.prefill_uncached_tokens_total
        seconds = after.prefill_busy_seconds_total - before.prefill_busy_seconds_total
        if not _WHOLE_PROMPT * probe.tokens <= tokens <= probe.tokens or seconds <= 0:
            return None
        return Finding(probe, PrefillPoint(float(tokens), seconds))

    async def _settled(self, before: EngineLoad) -> EngineLoad:
        """The counters once the pass shows in them, or as they are after a while."""
        deadline = time.monotonic() + 1.0
        load = await self.load()
        while (
            load.prefill_uncached_tokens_total == before.prefill_uncached_tokens_total
            and time.monotonic() < deadline
        ):
            await asyncio.sleep(_LOOK_SECONDS)
            load = await self.load()
        return load

    async def _decode(self, probe: Probe) -> Finding | None:
        """Many sequences at once, looked at while all of them run."""
        with self._running(probe) as running:
            first = last = None
            contexts = []
            while not all(task.done() for task in running):
                load = await self.load()
                if load.running_requests >= _WHOLE_BATCH * probe.sequences:
                    first, last = first or load, load
                    contexts.append(load.active_tokens / load.running_requests)
                await asyncio.sleep(_LOOK_SECONDS)
            await asyncio.gather(*running)
        if first is None or last is None:
            return None
        work = decode_work(_counters(first), _counters(last))
        if work is None:
            return None
        context = sum(contexts) / len(contexts)
        return Finding(probe, DecodePoint(work.batch_mean, context, work.step_seconds))

    @contextmanager
    def _running(self, probe: Probe) -> Iterator[list[asyncio.Task[None]]]:
        tasks = [
            asyncio.create_task(self._generate(probe.tokens, ANSWER_TOKENS))
            for _ in range(probe.sequences)
        ]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()

    async def _generate(self, prompt_tokens: int, output_tokens: int) -> None:
        prompt = [self.draws.choice(_TOKEN_IDS) for _ in range(prompt_tokens)]
        body = {
            "input_ids": prompt,
            "sampling_params": {
                "max_new_tokens": output_tokens,
                "ignore_eos": True,
                "temperature": 0,
            },
            "bootstrap_host": _FAKE_PEER,
            "bootstrap_port": 8998,
            "bootstrap_room": self.draws.randrange(1 << 62),
        }
        timeout = ClientTimeout(total=_ANSWER_TIMEOUT_SECONDS)
        try:
            async with self.session.post(
                f"{self.url}/generate", json=body, timeout=timeout
            ) as answer:
                said = await answer.text()
                if answer.status != 200:
                    raise ProfileError(f"{self.url}/generate answered {answer.status}: {said}")
        except (ClientError, TimeoutError, OSError) as error:
            raise ProfileError(f"{self.url}/generate does not answer: {error!r}") from error

    async def _quiet(self) -> None:
        """Wait until nothing waits: a probe must not lengthen a queue."""
        deadline = time.monotonic() + _QUIET_TIMEOUT_SECONDS
        while (await self.load()).queued_requests:
            if time.monotonic() > deadline:
                raise BusyError(f"{self.url} always has requests waiting")
            await asyncio.sleep(_LOOK_SECONDS)


def _counters(load: EngineLoad) -> Counters:
    return Counters(0.0, 0.0, 0.0, load.decode_moments)
