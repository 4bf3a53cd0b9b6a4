"""Keeps what an address holds in confidence out of everything that people read.

The API refuses such addresses of Prometheus; a command line may still be given one.
"""

import base64
import re
from urllib.parse import unquote

HIDDEN = "***"

_CREDENTIALS = re.compile(r"(?<=://)([^/?#]*)@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def printable(url: str) -> str:
    """The address without user, password, query and fragment."""
    return _QUERY.sub("", _CREDENTIALS.sub("", url))


def without_secrets(text: str, url: str) -> str:
    """`text` without the secrets of `url`: a server's error may repeat what was sent to it."""
    text = text.replace(url, printable(url))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _secrets(url: str) -> set[str]:
    """Credentials as they are written, as they are meant, and as the header carries them."""
    found = _CREDENTIALS.search(url)
    if found is None:
        return set()
    written = found.group(1)
    meant = unquote(written)
    header = base64.b64encode(meant.encode()).decode()
    passwords = (text.partition(":")[2] for text in (written, meant))
    return {text for text in (written, meant, header, *passwords) if text}
