"""How a Prometheus that wants to know who asks, or with a certificate of its own, is spoken to."""

import base64
import ssl
from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from typing import Any

from requests.adapters import HTTPAdapter

from pd_operator.telemetry.secrets import HIDDEN

Pairs = tuple[tuple[str, str], ...]
"""Names and values."""


@dataclass(frozen=True)
class PrometheusAccess:
    """What it takes beside the address; by default, nothing.

    - `token`, or `user` and `password`: sent with every question.
    - `authority`: trusted beside the public ones; `certificate` with `private_key`: shown. In PEM.
    - `more_headers`, `parameters`: of every question; no secrets.
    - `fault`: why these are not known; every question then fails with it.
    """

    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    authority: str = ""
    certificate: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    more_headers: Pairs = ()
    parameters: Pairs = ()
    fault: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every question."""
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {**dict(self.more_headers), **token}

    @property
    def basic(self) -> tuple[str, ...]:
        """User and password; empty where these are not wanted."""
        return (self.user, self.password) if self.user else ()

    @property
    def own_tls(self) -> bool:
        """Whether the connection takes more than the public authorities."""
        return bool(self.authority or self.certificate)

    def without_secrets(self, text: str) -> str:
        """`text` as it may be told: a server's error may repeat what was sent to it."""
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        for secret in (self.token, self.password, pair if self.user else ""):
            text = text.replace(secret, HIDDEN) if secret else text
        return text


def tls_context(access: PrometheusAccess) -> ssl.SSLContext:
    """The settings of its connections; `ssl.SSLError` or `ValueError` for what is no certificate.

    The library reads a private key from a file alone: it is written where only this user can read
    it, and deleted at once.
    """
    context = ssl.create_default_context(cadata=access.authority or None)
    if access.certificate:
        with NamedTemporaryFile("w", encoding="ascii") as file:
            file.write(f"{access.certificate.rstrip()}\n{access.private_key.rstrip()}\n")
            file.flush()
            context.load_cert_chain(file.name, password="")
    return context


class OwnTls(HTTPAdapter):
    """Speaks to servers by TLS settings of one's own."""

    def __init__(self, context: ssl.SSLContext, **settings: Any) -> None:
        self._context = context
        super().__init__(**settings)

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """Called by `HTTPAdapter`, for the connections."""
        super().init_poolmanager(*arguments, ssl_context=self._context, **settings)
