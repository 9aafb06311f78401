"""What the stem of a question asks for: its focus, and whether it asks for what does not hold.

Knows the stem alone, normalised; neither options nor responses.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.lexicon import FLAGS, STOP
from starprobe.bench.readers.words import stem, tokens_of, word_set

_ASKING = word_set("follow which stat opt of not question answ")


def focus_of(text: str) -> frozenset[str]:
    """What is asked for: the content of the last sentence with a question mark, else the last."""
    sentences = [part for part in re.split(r"(?<=[.?!:])\s+", text[-2000:].strip()) if part]
    asking = [part for part in sentences if "?" in part] or sentences
    words = tokens_of(asking[-1]) if asking else []
    kept = {
        stem(word)
        for word in words
        if not FLAGS.get(word, 0) & STOP or word in ("most", "least", "only")
    }
    return frozenset(kept - _ASKING)


def is_negated(text: str, words: list[str]) -> bool:
    """The question asks for what does not hold; `words` are those of the text."""
    tail = words[-40:]
    return bool(
        re.search(r"\b(?:EXCEPT|NOT|LEAST|FALSE|INCORRECT)\b", text)
        or "except" in tail
        or "incorrect" in tail
        or re.search(r"\ball but\b", text[-300:])
        or re.search(
            r"\b(?:which|what)\b[^.?!]{0,80}\b(?:not|isn't|doesn't|never|false|least|cannot)\b",
            text[-300:],
            re.I,
        )
    )


def enumerated(text: str) -> frozenset[str]:
    """The letters and numerals that a text counts its own parts with."""
    found = set(re.findall(r"[(\[](\w{1,4})[)\]]", text))
    if re.search(r"\bII\b", text):
        found |= {"I", "V", "X", "i", "v", "x"}
    return frozenset(found)
