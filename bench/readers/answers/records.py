"""What is found of an answer, and the signs that readers of answers share."""

from __future__ import annotations

import re
from typing import NamedTuple

TICKS = "\u2705\u2713\u2714\u2611"
CROSSES = "\u274c\u2717\u2718\u2715\u2716"

DENY = re.compile(
    r"\bnot\b|n't\b|\bnever\b|\bcannot\b|\bin(?:correct|accurate|valid)\b|\bless\b|\bwrong\b|"
    r"\bfalse\b|\bun(?:likely|true|suitable)\b|\bout\b|\beliminated\b|\bfails?\b",
    re.I,
)
"""Words that speak against an option that is named beside them."""

SUPPOSES = re.compile(
    r"\b(?:if|whether|unless|suppose|assuming|assume|had|why|neither|nor)\b", re.I
)
"""Words under which nothing is said to be so."""

CONCLUDES = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in conclusion|in summary|overall|based on|considering|"
    r"given|after|consequently|accordingly|ultimately|finally|in the end|conclusion|among|"
    r"of (?:these|the)|out of|in short|as a result|final(?:ly)?|actually|to conclude)\b",
    re.I,
)
"""Openings of a sentence that closes an argument."""

JOINED = re.compile(r"[\s)(\]\"']*(?:,? ?(?:and|or|&)|,)?[\s(\[\"']*(?:option|choice)?[\s(\[]*")
"""What stands between two options that are named together."""


class Answer(NamedTuple):
    """What was found."""

    answer: int | None
    """Index of an option."""
    multi: bool
    how: str
    """field, stated, opening, concluded, announced, affirmed, implied or none."""
    members: tuple[int, ...] = ()
    """The options of an answer that gives more than one."""


NOTHING = Answer(None, False, "none")
NONE_OF_THEM = Answer(None, False, "field")
"""The response says that no option is the answer."""


def answer_of(found: tuple[int, ...], how: str) -> Answer:
    """The answer that names these options, one or more."""
    if len(found) == 1:
        return Answer(found[0], False, how)
    return Answer(None, True, how, tuple(sorted(found)))
