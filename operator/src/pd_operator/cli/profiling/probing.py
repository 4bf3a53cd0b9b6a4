"""Measures one engine alone, by its own counters: what the network adds is not in them.

Requests carry the bootstrap address at which SGLang fakes the other role, so that a prefill
computes without a decode, and a decode generates from a made-up KV cache. Prompts are ordinary
words in an order that no prefix cache knows: token ids that mean nothing to a model are input that
not every engine is made for, and these serve others at the time.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout

from pd_operator.api.roles import Role
from pd_operator.cli.profiling.ordinary_words import ORDINARY_WORDS
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
_SAMPLE_WORDS = 64
_AIM = 0.97
"""Of the tokens asked for: words differ in tokens, and a point may have a few less, never more."""

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
    _tokens_per_word: float | None = None

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
        prompt = await self._prompt(probe.tokens)
        before = await self.load()
        await self._generate(prompt, 1)
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
        prompts = [await self._prompt(probe.tokens) for _ in range(probe.sequences)]
        with self._running(prompts) as running:
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
    def _running(self, prompts: list[str]) -> Iterator[list[asyncio.Task[int]]]:
        tasks = [asyncio.create_task(self._generate(prompt, ANSWER_TOKENS)) for prompt in prompts]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()

    async def _prompt(self, tokens: int) -> str:
        """Words of about so many tokens, by what the engine made of some words before."""
        if self._tokens_per_word is None:
            sample = self._words(_SAMPLE_WORDS)
            self._tokens_per_word = await self._generate(sample, 1) / _SAMPLE_WORDS
        return self._words(max(1, int(_AIM * tokens / self._tokens_per_word)))

    def _words(self, count: int) -> str:
        return " ".join(self.draws.choices(ORDINARY_WORDS, k=count))

    async def _generate(self, prompt: str, output_tokens: int) -> int:
        """Let the engine answer `prompt`; the tokens that it found in it."""
        body = {
            "text": prompt,
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
            return int(json.loads(said)["meta_info"]["prompt_tokens"])
        except (ClientError, TimeoutError, OSError) as error:
            raise ProfileError(f"{self.url}/generate does not answer: {error!r}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ProfileError(
                f"{self.url}/generate does not tell a prompt's tokens: {error!r}"
            ) from error

    async def _quiet(self) -> None:
        """Wait until nothing waits: a probe must not lengthen a queue."""
        deadline = time.monotonic() + _QUIET_TIMEOUT_SECONDS
        while (await self.load()).queued_requests:
            if time.monotonic() > deadline:
                raise BusyError(f"{self.url} always has requests waiting")
            await asyncio.sleep(_LOOK_SECONDS)


def _counters(load: EngineLoad) -> Counters:
    return Counters(0.0, 0.0, 0.0, load.decode_moments)
