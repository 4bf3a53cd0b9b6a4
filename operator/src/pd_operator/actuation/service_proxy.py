"""The API server's own proxy to a Service: a way into the cluster's network for who is outside.

It takes the right to `get` `services/proxy`. The API server asks in its own name: it takes the
caller's credentials off, so nothing that wants a password of its own can be asked this way.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from kubernetes import client

_HOST = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class InCluster:
    """The address of a Service, as pods write it."""

    scheme: str
    name: str
    namespace: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Self | None:
        """Of `http://NAME.NAMESPACE[.svc[.cluster.local]][:PORT][/PATH]`; None for all others."""
        parts = urlsplit(url)
        host = _HOST.fullmatch(parts.hostname or "")
        if host is None or parts.scheme not in _DEFAULT_PORTS:
            return None
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        return cls(parts.scheme, host["name"], host["namespace"], port, parts.path.rstrip("/"))

    @property
    def proxy_path(self) -> str:
        """Where the API server forwards to it."""
        service = f"{self.scheme}:{self.name}:{self.port}"
        return f"/api/v1/namespaces/{self.namespace}/services/{service}/proxy{self.path}"


@dataclass(frozen=True)
class ServiceProxy:
    """An address at the API server, and who asks: `authority`, `certificate` and key are PEM."""

    url: str
    token: str = field(default="", repr=False)
    authority: str = ""
    certificate: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)


def service_proxy(settings: client.Configuration, service: InCluster) -> ServiceProxy:
    """The proxy to a Service, for the client's own credentials; `OSError` where a file is gone."""
    bearer = settings.auth_settings().get("BearerToken", {}).get("value") or ""
    return ServiceProxy(
        url=f"{settings.host.rstrip('/')}{service.proxy_path}",
        token=str(bearer).removeprefix("Bearer "),
        authority=_text(settings.ssl_ca_cert),
        certificate=_text(settings.cert_file),
        private_key=_text(settings.key_file),
    )


def _text(path: str | None) -> str:
    return Path(path).read_text(encoding="ascii") if path else ""
