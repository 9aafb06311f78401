"""Stem and options out of a prompt's text, for sources that keep nothing else.

Takes the last list of options in the text, so that worked examples before it are passed over.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from starprobe.probes.schema import Record

_LINE = re.compile(
    r"^[\s>*\-•]*\(?(?P<label>[A-Za-z]|\d{1,2})(?:[.:]|\)[.:]?)\**\s+(?P<text>\S.*?)\s*$"
)
_INLINE = re.compile(
    r"\((?P<label>[A-Za-z]|\d{1,2})\)\s*(?P<text>.*?)(?=[,;]?\s*\((?:[A-Za-z]|\d{1,2})\)\s|$)"
)
_LOOSE = re.compile(
    r"(?:(?<=^)|(?<=[\s,;|]))(?P<label>[A-Ja-j]|[1-9])\s?[.):]\s*(?P<text>.*?)"
    r"(?=[\s,;|]+(?:[A-Ja-j]|[1-9])\s?[.):]\s|$)"
)
_ASKS = re.compile(r"^\s*\**(?:question|q|problem)\s*\d*\**\s*[:.)]\**\s*", re.IGNORECASE)
_LEADS_IN = re.compile(
    r"^\s*\**(?:the\s+)?(?:answer\s+)?(?:options|choices|answers)(?:\s+are)?\**\s*:?\**\s*$",
    re.IGNORECASE,
)


class Choice(Record):
    """One option as its source shows it."""

    label: str
    text: str


class Found(NamedTuple):
    """What stands in a prompt."""

    stem: str
    options: tuple[Choice, ...]


def options_in_text(text: str) -> Found | None:
    """The last question with a list of options in the text; None where there is none."""
    lines = text.splitlines()
    runs = _runs(lines)
    if runs:
        letters = [number for number, (_, one) in enumerate(runs) if not one[0].label.isdigit()]
        chosen = letters[-1] if letters else len(runs) - 1  # Steps to follow may come after.
        start, options = runs[chosen]
        end_before = max((at + len(found) for at, found in runs[:chosen]), default=0)
        stem = _stem(lines[end_before:start], many=chosen > 0)
        return Found(stem, options) if stem else None
    for index in range(len(lines) - 1, -1, -1):
        options = _ordered(
            [(m["label"], m["text"].strip(" ,;")) for m in _INLINE.finditer(lines[index])]
        )
        if options:
            head = lines[index][: _INLINE.search(lines[index]).start()]  # type: ignore[union-attr]
            stem = _stem([*lines[:index], head], many=False)
            return Found(stem, options) if stem else None
    return None


def lists_in_text(text: str) -> list[tuple[Choice, ...]]:
    """Every list of options in the text."""
    lines = text.splitlines()
    inline = (
        _ordered([(m["label"], m["text"].strip(" ,;")) for m in _INLINE.finditer(line)])
        for line in lines
    )
    return [*(found for _, found in _runs(lines)), *(found for found in inline if found)]


def options_in_field(text: str) -> tuple[Choice, ...]:
    """The options of a field that holds nothing else: one a line, or `(a) .. (b) ..` in a row."""
    runs = _runs(text.splitlines())
    if runs:
        return runs[-1][1]
    for pattern in (_INLINE, _LOOSE):
        pairs = [(m["label"], m["text"].strip(" ,;|")) for m in pattern.finditer(text)]
        if found := _ordered(pairs):
            return found
    return ()


def _runs(lines: list[str]) -> list[tuple[int, tuple[Choice, ...]]]:
    """(first line, options) of every list whose labels count up from the first one."""
    runs: list[tuple[int, tuple[Choice, ...]]] = []
    start = 0
    pairs: list[tuple[str, str]] = []
    for index, line in enumerate([*lines, "end"]):
        found = _LINE.match(line)
        if found and pairs and _rank(found["label"]) == _rank(pairs[-1][0]) + 1:
            pairs.append((found["label"], found["text"]))
            continue
        if not line.strip() and pairs:
            continue
        if len(pairs) > 1:
            runs.append((start, tuple(Choice(label=a, text=b) for a, b in pairs)))
        start, pairs = index, []
        if found and _rank(found["label"]) == 1:
            pairs = [(found["label"], found["text"])]
    return runs


def _ordered(pairs: list[tuple[str, str]]) -> tuple[Choice, ...]:
    """The pairs as options, if their labels count up from the first one and none is empty."""
    right = [_rank(label) for label, _ in pairs] == list(range(1, len(pairs) + 1))
    if len(pairs) < 2 or not right or not all(text for _, text in pairs):
        return ()
    return tuple(Choice(label=label, text=text) for label, text in pairs)


def _rank(label: str) -> int:
    return int(label) if label.isdigit() else ord(label.lower()) - ord("a") + 1


def _stem(lines: list[str], many: bool) -> str:
    """The question that ends where these lines end.

    Args:
        lines: from the list of options before, or the start of the text, to the list.
        many: other questions stand before it, so that an unmarked one is its last paragraph only.
    """
    kept = [line for line in lines if not _LEADS_IN.match(line)]
    marked = [index for index, line in enumerate(kept) if _ASKS.match(line)]
    if marked:
        kept = kept[marked[-1] :]
        kept[0] = _ASKS.sub("", kept[0])
    text = "\n".join(kept).strip()
    if many and not marked:
        text = re.split(r"\n\s*\n", text)[-1]
    # A lead-in at the end of the stem's own line: "... Answer choices: (a) ..."
    return re.sub(r"\s*(?:answer\s+)?(?:options|choices)\s*:\s*$", "", text, flags=re.I).strip()
