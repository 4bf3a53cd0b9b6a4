"""A loopback address for every pod."""

import random
import socket
from contextlib import suppress
from dataclasses import dataclass

_FIRST = (127 << 24) + (64 << 16)
"""127.64.0.0/10: away from 127.0.0.1 and from the low addresses that people and resolvers use."""

_COUNT = 1 << 22


class NoAddressError(RuntimeError):
    """No free loopback address was found."""


@dataclass
class PodAddress:
    """An address that no other pod on this machine has until it is released."""

    text: str
    _claim: socket.socket

    def release(self) -> None:
        """Let others have the address."""
        self._claim.close()


class AddressPool:
    """Hands out loopback addresses, each to one pod at a time, across all agents of the machine.

    The claim is an abstract Unix socket named after the address. The kernel keeps it unique and
    drops it with its process, so several clusters may run at once and a crash leaks nothing.
    Addresses follow each other from a random start, so that one just released is not soon reused.
    """

    def __init__(self) -> None:
        self._next = random.randrange(_COUNT)

    def acquire(self, preferred: str | None = None) -> PodAddress:
        """Return the preferred address if it is free, else the next free one."""
        if preferred and (address := _claim(preferred)):
            return address
        for _ in range(_COUNT):
            candidate = _FIRST + self._next
            self._next = (self._next + 1) % _COUNT
            if candidate % 256 in (0, 255):
                continue
            if address := _claim(socket.inet_ntoa(candidate.to_bytes(4, "big"))):
                return address
        raise NoAddressError("all loopback addresses of 127.64.0.0/10 are taken")


def _claim(text: str) -> PodAddress | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with suppress(OSError):
        claim.bind(f"\0pd-e2e/pod-address/{text}")
        return PodAddress(text, claim)
    claim.close()
    return None
