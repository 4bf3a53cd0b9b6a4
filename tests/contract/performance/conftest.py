"""Real engine processes that keep a profile, and clients that keep them busy."""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from threading import Event

import pytest

from pd_e2e.engine.processes import Process, send_to_pair

PROMPT_TOKENS, OUTPUT_TOKENS, CLIENTS = 1000, 80, 6

Busy = Callable[[Process, Process], AbstractContextManager[None]]


@pytest.fixture
def busy() -> Busy:
    """Clients that send one request after the other to a pair, while the context lasts."""

    @contextmanager
    def keep(prefill: Process, decode: Process) -> Iterator[None]:
        done, rooms = Event(), itertools.count(1)

        def send() -> None:
            while not done.is_set():
                body = {
                    "prompt": "word " * PROMPT_TOKENS,
                    "max_tokens": OUTPUT_TOKENS,
                    "bootstrap_room": next(rooms),
                }
                send_to_pair(prefill, decode, "/v1/completions", body)

        with ThreadPoolExecutor(CLIENTS) as clients:
            sending = [clients.submit(send) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                done.set()
        for each in sending:
            each.result()

    return keep
