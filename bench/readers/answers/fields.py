"""Answers in the fields of JSON: the last one with a name like an answer's."""

from __future__ import annotations

import re

from starprobe.bench.readers.answers.cued import NONE, none_of_them, of_mentions
from starprobe.bench.readers.answers.records import Answer, answer_of
from starprobe.bench.readers.answers.references import reference_at
from starprobe.bench.readers.mentions import Document
from starprobe.bench.readers.options import Options

_KEY = re.compile(r"answer|choice|final|correct|selected|prediction|result|option$", re.I)
MAX_VALUE = 600


def field(document: Document, options: Options) -> Answer | None:
    """What the last such field says."""
    for index in range(len(document.segments) - 1, -1, -1):
        segment = document.segments[index]
        if not segment.key or segment.end - segment.content >= MAX_VALUE:
            continue
        if _KEY.search(segment.key):
            found = _value(document, options, index)
            if found:
                return found
    return None


def _value(document: Document, options: Options, index: int) -> Answer | None:
    segment = document.segments[index]
    value = document.text[segment.content : segment.end].strip(" \"',}]\n")
    if value in options.by_label:
        return Answer(options.by_label[value], False, "field")
    reference = reference_at(document, options, segment.content)
    if reference and reference.start < segment.end:
        return answer_of(reference.options, "field")
    found = of_mentions(document.mentions[index], "field", document)
    if found:
        return found
    return none_of_them(options) if NONE.match(value) or not value else None
