"""What goes into one HTML file safely: visible text, hidden names, packed data, and the policy.

Packed data is gzip in base 64, so no character of it can end a script element. Knows no records.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup, escape

HIDDEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""Controls, zero-width characters, direction overrides, tags, lone surrogates."""


def visible(text: str) -> str:
    """The text with each hidden character as its code, `⟨U+202E⟩`."""
    return HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


@dataclass
class Secrets:
    """Collects what is hidden while a page is rendered; the page carries the list, packed."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    """(alias shown, real text)."""
    active: bool = False

    def hide(self, text: str, alias: str = "hidden") -> Markup:
        """The text escaped, or where names are hidden the alias, with the place of the text."""
        if not self.active:
            return escape(text)
        pair = (alias, text)
        if pair not in self.pairs:
            self.pairs.append(pair)
        return Markup('<span data-secret="{}">{}</span>').format(self.pairs.index(pair), alias)


def aliases(models: Sequence[str]) -> dict[str, str]:
    """Model -> `Model A`, `Model B`, ...; in an order that does not follow the names given."""
    import hashlib

    shuffled = sorted(models, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return {name: f"Model {_letters(place)}" for place, name in enumerate(shuffled)}


def _letters(place: int) -> str:
    name = ""
    place += 1
    while place:
        place, digit = divmod(place - 1, 26)
        name = chr(ord("A") + digit) + name
    return name


def pack(value: Any) -> str:
    """A JSON value as gzip in base 64."""
    return pack_bytes(to_json(value).encode())


def pack_bytes(data: bytes) -> str:
    """Bytes as gzip in base 64."""
    # Level 9 takes twice as long and saves half a percent; mtime=0: same data, same file.
    return b64encode(gzip.compress(data, compresslevel=6, mtime=0)).decode()


def to_json(value: Any) -> str:
    """Compact JSON; escaped to ASCII where a lone surrogate has no UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text


def script_hash(code: str) -> str:
    """A script's source expression for a Content-Security-Policy."""
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{b64encode(digest).decode()}'"


def policy(scripts: Iterable[str]) -> str:
    """A Content-Security-Policy under which only these scripts run and nothing is ever fetched.

    Inline styles stay allowed: plotly sets them, and with every source of images, fonts and style
    sheets closed they can reach nothing.
    """
    hashes = " ".join(script_hash(code) for code in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def utf16_offsets(text: str, offsets: Iterable[int]) -> list[int]:
    """Offsets in characters, as Python counts, as offsets in UTF-16 units, as JavaScript counts."""
    wanted = list(offsets)
    if not wanted or text.isascii() or max(text) <= "\uffff":
        return wanted
    wide = np.array([ord(character) > 0xFFFF for character in text], dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(wide)])
    return [offset + int(before[min(offset, len(text))]) for offset in wanted]
