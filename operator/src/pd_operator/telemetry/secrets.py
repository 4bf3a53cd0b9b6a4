"""Keeps what is held in confidence out of everything that people read.

The API refuses addresses of Prometheus with a password; a command line may still be given one, and
other programs' words, which are passed on, may repeat what they were started with.
"""

import base64
import re
from urllib.parse import unquote

HIDDEN = "***"

_CREDENTIALS = re.compile(r"(?<=://)([^/?#]*)@")
_QUERY = re.compile(r"[?#].*", re.DOTALL)

_URL_USER = re.compile(r"(?<=://)[^\s/?#]*@")
_URL_QUERY = re.compile(r"(?<=://)([^\s?#'\"]*)[?#][^\s'\",)]*")
_NAMED = re.compile(
    r"((?:token|secret|password|passwd|credentials?|authorization|api[-_]?key|access[-_]?key"
    r"|signature)[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic)\s+)?[^\s\"',;)}\]&]+",
    re.IGNORECASE,
)
_BY_ITS_LOOKS = re.compile(
    r"\b(?:hf_|sk-|ghp_|github_pat_|AKIA|eyJ)[\w.-]{8,}|\b(bearer|basic)\s+[\w.~+/-]{8,}=*",
    re.IGNORECASE,
)
"""Tokens of Hugging Face, OpenAI, GitHub and AWS, JSON web tokens, and headers."""


def printable(url: str) -> str:
    """The address without user, password, query and fragment."""
    return _QUERY.sub("", _CREDENTIALS.sub("", url))


def without_secrets(text: str, url: str) -> str:
    """`text` without the secrets of `url`: a server's error may repeat what was sent to it."""
    text = text.replace(url, printable(url))
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def redacted(text: str) -> str:
    """`text` without what is, or is called, a secret: of another program's words."""
    text = _URL_QUERY.sub(r"\1", _URL_USER.sub("", text))
    return _BY_ITS_LOOKS.sub(HIDDEN, _NAMED.sub(rf"\1{HIDDEN}", text))


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
