"""The record of attribution: a stretch of tokens that speaks of an option, and how it does."""

from __future__ import annotations

from typing import NamedTuple

OPENS = 4
"""The option's own section or line begins here."""
SUBJECT = 3
"""A clause that begins with the option."""
GOES_ON = 2
"""A sentence that names no option and goes on about the last one: its section, or "It ..."."""
DRIFTS = 5
"""A sentence that names no option, after a sentence about one, with a subject of its own."""
INSIDE = 1
"""The option is named late in the clause."""
DECLARES = 0
"""A sentence that gives or announces the answer."""


class Unit(NamedTuple):
    """A stretch of tokens that speaks of an option."""

    option: int
    first: int
    stop: int
    how: int
    shared: int
    """How many options share it."""
    kind: int
    """Kind of the mention that it hangs on."""
    segment: int
    score: float
