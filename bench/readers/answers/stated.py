"""The answer that a response states: the ways of stating one, from the surest to the vaguest."""

from __future__ import annotations

from collections.abc import Callable

from starprobe.bench.readers.answers.asked import ended, restated, undetermined
from starprobe.bench.readers.answers.cued import cued, in_segment
from starprobe.bench.readers.answers.cues import HEADS
from starprobe.bench.readers.answers.fields import field
from starprobe.bench.readers.answers.places import closing, headed, isolated, only, opening
from starprobe.bench.readers.answers.records import NOTHING, Answer
from starprobe.bench.readers.answers.verdicts import (
    announced,
    called,
    concluded,
    judged,
    pronounced,
    ticked,
)
from starprobe.bench.readers.mentions import Document
from starprobe.bench.readers.options import Options


def stated(document: Document, options: Options) -> Answer:
    """The answer that the response states, without looking at what it says of each option."""
    for read in _WAYS:
        found = read(document, options)
        if found is not None:
            return found
    return NOTHING


def _declared(document: Document, options: Options) -> Answer | None:
    """The last sentence that declares an answer; the very last one also by holding nothing else."""
    last = len(document.segments) - 1
    for index in range(last, -1, -1):
        found = _declares(document, options, index)
        if found is None and index == last:
            found = closing(document, options)
        if found:
            return found
    return None


def _declares(document: Document, options: Options, index: int) -> Answer | None:
    """What one sentence declares: by a cue, as a heading or as a concluding verdict."""
    first, stop = document.bounds[index]
    if HEADS.isdisjoint(document.words[first:stop]):
        return None
    return (
        in_segment(document, options, index)
        or headed(document, options, index)
        or pronounced(document, index)
    )


def _hinted(document: Document, options: Options) -> Answer | None:
    """What cues announce that say little by themselves."""
    return cued(document, options, weak=True)


_WAYS: tuple[Callable[[Document, Options], Answer | None], ...] = (
    field,
    _declared,
    opening,
    only,
    called,
    _hinted,
    isolated,
    concluded,
    restated,
    announced,
    judged,
    ticked,
    ended,
    undetermined,
)
