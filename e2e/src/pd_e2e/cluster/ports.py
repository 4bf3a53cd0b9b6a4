"""Free TCP ports on loopback."""

import random
import socket

LOOPBACK = "127.0.0.1"

_FIRST, _LAST = 10_000, 28_999
"""Below the kernel's range for outgoing connections (32768 and up): while a server of ours is
stopped, none of those can take its port. Above 29000 are the ports of engines and routers.
"""


def free_ports(count: int) -> list[int]:
    """Return `count` different ports on which nobody listens on 127.0.0.1 now."""
    candidates = random.sample(range(_FIRST, _LAST + 1), k=_LAST - _FIRST + 1)
    free = (port for port in candidates if _is_free(port))
    return [next(free) for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
