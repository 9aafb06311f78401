"""The plain records: a response cut into tokens and segments, and a reference to an option."""

from __future__ import annotations

from typing import NamedTuple

from starprobe.bench.readers.segments import Segment

LEAD = 4
"""A label at the beginning of a line or of a sentence: "A.", "(b)", "**C)**", "Option D:"."""
LABEL = 3
TEXT = 2
FUZZY = 1
"""Most of the telling words of the option, in one segment."""


class Mention(NamedTuple):
    """One reference to one option."""

    option: int
    first: int
    """First token."""
    stop: int
    """One past the last token."""
    start: int
    end: int
    """Characters."""
    kind: int
    score: float
    """Share of the option's telling words; 1 for a label or the whole text."""


class Document(NamedTuple):
    """A response cut into tokens and segments, with the mentions of each segment."""

    text: str
    """Normalised: as long as the original."""
    words: list[str]
    stems: list[str]
    flags: list[int]
    starts: list[int]
    ends: list[int]
    segments: list[Segment]
    bounds: list[tuple[int, int]]
    """Of each segment: its first token (after a marker) and one past its last."""
    mentions: list[list[Mention]]
    """Of each segment, in order, apart."""
