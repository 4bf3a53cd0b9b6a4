"""How a Prometheus behind a token, or with a certificate of a private authority, is spoken to."""

import ssl
from dataclasses import dataclass, field
from typing import Any

from requests.adapters import HTTPAdapter

from pd_operator.telemetry.secrets import HIDDEN


@dataclass(frozen=True)
class PrometheusAccess:
    """What it takes beside the address; by default, nothing.

    - `token`: sent with every question. `authority`: trusted beside the public ones, PEM.
    - `fault`: why these are not known; every question then fails with it.
    """

    token: str = field(default="", repr=False)
    authority: str = ""
    fault: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every question."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def without_token(self, text: str) -> str:
        """`text` as it may be told: a server's error may repeat what was sent to it."""
        return text.replace(self.token, HIDDEN) if self.token else text


class PrivateAuthority(HTTPAdapter):
    """Speaks to servers whose certificate is of an authority of their own (PEM)."""

    def __init__(self, authority: str, **settings: Any) -> None:
        self._context = ssl.create_default_context(cadata=authority)
        super().__init__(**settings)

    def init_poolmanager(self, *arguments: Any, **settings: Any) -> None:
        """Called by `HTTPAdapter`, for the connections."""
        super().init_poolmanager(*arguments, ssl_context=self._context, **settings)
