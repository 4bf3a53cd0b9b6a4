"""Kubeconfig files, and the keys and tokens that stand behind them."""

import base64
import json
import secrets
from pathlib import Path

_CONTEXT = "pd-e2e"

_EC_KEY_HEAD = bytes.fromhex("303102010104 20")
"""RFC 5915 ECPrivateKey without the optional public key, curve prime256v1."""

_EC_KEY_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


def kubeconfig_text(server: str, certificate_authority: bytes, token: str) -> str:
    """Return a self-contained kubeconfig, as JSON, which is YAML."""
    cluster = {
        "server": server,
        "certificate-authority-data": base64.b64encode(certificate_authority).decode(),
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _CONTEXT, "cluster": cluster}],
            "users": [{"name": _CONTEXT, "user": {"token": token}}],
            "contexts": [{"name": _CONTEXT, "context": {"cluster": _CONTEXT, "user": _CONTEXT}}],
            "current-context": _CONTEXT,
        },
        indent=2,
    )


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read, as a whole or not at all; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    staged.touch(mode=0o600)
    staged.write_text(text)
    staged.rename(path)
    return path


def new_signing_key() -> str:
    """Return a fresh P-256 private key in PEM, for signing service account tokens.

    The private half is any number below the curve's order, and Go derives the public half, so no
    cryptography library is needed.
    """
    # The first byte stays below 0x80, and so the number below the order (0xffffffff00000000...).
    secret = bytes([secrets.randbelow(0x80), *secrets.token_bytes(31)])
    body = base64.b64encode(_EC_KEY_HEAD + secret + _EC_KEY_TAIL).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----", ""])
