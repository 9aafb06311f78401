"""Whether a line is one of a list of options, and so no answer by standing alone."""

from __future__ import annotations

from starprobe.bench.readers.mentions import TEXT, Document
from starprobe.bench.readers.options import Options

WINDOW = 64
"""Sentences around a line that are looked at."""


def leader(document: Document, index: int) -> int | None:
    """The option that a line opens with."""
    segment, mentions = document.segments[index], document.mentions[index]
    if not segment.opens or not mentions or mentions[0].kind < TEXT:
        return None
    return mentions[0].option if mentions[0].first <= document.bounds[index][0] + 1 else None


def begins_list(document: Document, option: int, index: int) -> bool:
    """What opens here is the first of several options, not an answer with a list behind it.

    A list that comes after an answer begins with an earlier option, or holds the answer too.
    """
    stop = min(len(document.segments), index + 1 + WINDOW)
    leaders = [leader(document, place) for place in range(index + 1, stop)]
    behind = next((found for found in leaders if found is not None), None)
    return behind is not None and behind > option and option not in leaders


def goes_on(document: Document, option: int, index: int) -> bool:
    """The line before this one, in its paragraph, opens with the option before this one."""
    segments = document.segments
    for place in range(index - 1, max(-1, index - WINDOW), -1):
        if segments[place].paragraph != segments[index].paragraph:
            return False
        if segments[place].opens:
            return leader(document, place) == option - 1
    return False


def is_unfinished(document: Document, options: Options) -> bool:
    """Numbered items take up the options in turn, from the first, and stop before the last."""
    items = [
        (segment.number, leader(document, place))
        for place, segment in enumerate(document.segments[:WINDOW])
        if segment.number and segment.opens
    ]
    in_turn = all(item == (place + 1, place) for place, item in enumerate(items))
    return in_turn and 0 < len(items) < len(options.labels)
