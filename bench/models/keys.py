"""Keys: found in the environment only, and blotted out of every text that is written or shown."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit, urlunsplit

KEY_OF_HOST = {
    "api.openai.com": "OPENAI_API_KEY",
    "api.anthropic.com": "ANTHROPIC_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
    "integrate.api.nvidia.com": "NVIDIA_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
    "ollama.com": "OLLAMA_API_KEY",
}
"""Host -> the variable that holds its key."""
OWN_KEY = "STARPROBE_API_KEY"
"""The key for a server of one's own: a vendor's key is sent to no host but the vendor's."""
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})
BLOT = "[key]"
_SECRET_NAME = re.compile(r"(_API_KEY|_TOKEN|_SECRET|_PASSWORD)$", re.IGNORECASE)
_CREDENTIALS = re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=_.~-]{8,}")
_SHORTEST = 8  # Shorter values ("none", "EMPTY") are no secrets, and would blot out common words.


def is_local(url: str) -> bool:
    """Whether a URL names this machine."""
    host = (urlsplit(url).hostname or "").lower()
    return host in LOCAL_HOSTS or host.startswith("127.")


def key_name(url: str, dialect_key: str) -> str:
    """The variable that holds the key for a URL.

    Args:
        url: where the requests go.
        dialect_key: the variable of the dialect, taken for servers on this machine.
    """
    host = (urlsplit(url).hostname or "").lower()
    if host in KEY_OF_HOST:
        return KEY_OF_HOST[host]
    if is_local(url) and not os.environ.get(OWN_KEY):
        return dialect_key
    return OWN_KEY


def needs_key(url: str) -> bool:
    """Whether a URL is known to want a key: a vendor's does, a server of one's own may not."""
    return (urlsplit(url).hostname or "").lower() in KEY_OF_HOST


def secrets() -> tuple[str, ...]:
    """The values in the environment that must never be written, longest first."""
    found = {
        value.strip()
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST
    }
    return tuple(sorted(found, key=len, reverse=True))


def redact(text: str, keys: tuple[str, ...] | None = None) -> str:
    """The text with every key, and every user:password of a URL, blotted out."""
    for key in secrets() if keys is None else keys:
        if key in text:
            text = text.replace(key, BLOT)
    text = _CREDENTIALS.sub(rf"\1 {BLOT}", text)
    return re.sub(r"(https?://)[^/@\s'\"]+@", rf"\1{BLOT}@", text)


def public_url(url: str) -> str:
    """The URL without what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
