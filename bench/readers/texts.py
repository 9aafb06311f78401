"""Where the text of an option stands in a response: whole, as signs, or by most of its words.

Knows one segment and what else is named in it; not what is said.
"""

from __future__ import annotations

from bisect import bisect_left

from starprobe.bench.readers.lexicon import STOP
from starprobe.bench.readers.options import Options
from starprobe.bench.readers.segments import Segment
from starprobe.bench.readers.tokens import FUZZY, TEXT, Document, Mention

MIN_FUZZY, MIN_FUZZY_LONG = 0.5, 0.6
"""Share of telling words, for options of up to three such words and for longer ones."""
TELLING = 0.31
"""Weight of a word that at most two options share and that the question does not hold."""


def telling_places(document: Document, options: Options) -> list[int]:
    """The tokens that can be part of an option's text."""
    owners, phrases = options.owners, options.phrases
    return [at for at, key in enumerate(document.stems) if key in owners or key in phrases]


def with_texts(
    document: Document, options: Options, found: list[Mention], places: list[int], stop: int
) -> list[Mention]:
    """The labels and the options whose whole text stands at these places, in order, apart."""
    texts: list[Mention] = []
    stems, free = document.stems, 0
    for at in places:
        if at < free:
            continue
        for phrase, option in options.phrases.get(stems[at], ()):
            size = len(phrase)
            if at + size <= stop and (size == 1 or tuple(stems[at : at + size]) == phrase):
                start, end = document.starts[at], document.ends[at + size - 1]
                texts.append(Mention(option, at, at + size, start, end, TEXT, 1.0))
                free = at + size
                break
    if not texts:
        return found
    if not found:
        return texts
    return _merge(found, texts)


def _merge(labels: list[Mention], texts: list[Mention]) -> list[Mention]:
    merged: list[Mention] = []
    for mention in sorted([*labels, *texts], key=lambda m: (m.first, -m.kind)):
        last = merged[-1] if merged else None
        if last and mention.first < last.stop:
            continue
        if last and last.option == mention.option and mention.first - last.stop <= 1:
            merged[-1] = last._replace(
                stop=mention.stop, end=mention.end, kind=max(last.kind, mention.kind)
            )
            continue
        merged.append(mention)
    return merged


def with_literals(
    document: Document, options: Options, found: list[Mention], segment: Segment
) -> list[Mention]:
    """Options of signs and symbols, as they stand in the text."""
    text = document.text
    taken = [(m.start, m.end) for m in found]
    extra: list[Mention] = []
    for literal, option in options.literal:
        at = text.find(literal, segment.content, segment.end)
        if at < 0 or any(m.option == option for m in found):
            continue
        end = at + len(literal)
        if any(at < e and s < end for s, e in taken):
            continue
        if text[at - 1 : at].isalnum() and literal[0].isalnum():
            continue
        if text[end : end + 1].isalnum() and literal[-1].isalnum():
            continue
        first = _token_at(document, at)
        extra.append(
            Mention(option, first, max(first, _token_at(document, end)), at, end, TEXT, 1.0)
        )
        taken.append((at, end))
    if not extra:
        return found
    return sorted([*found, *extra], key=lambda m: m.start)


def _token_at(document: Document, position: int) -> int:
    return bisect_left(document.starts, position)


def with_fuzzy(
    document: Document, options: Options, found: list[Mention], places: list[int], first: int
) -> list[Mention]:
    """Adds options that have most of their telling words in the segment."""
    owners, stems, flags = options.owners, document.stems, document.flags
    spots: dict[int, list[int]] = {}
    for at in places:
        holders = owners.get(stems[at])
        if holders and not flags[at] & STOP:
            for option in holders:
                spots.setdefault(option, []).append(at)
    if not spots:
        return found
    known = {mention.option for mention in found}
    extra: list[Mention] = []
    for option, own in spots.items():
        if option in known or option in options.weak:
            continue
        weights = options.weights[option]
        seen = dict.fromkeys([stems[at] for at in own])  # In order: sums are the same every time.
        score = sum(weights[key] for key in seen) / options.totals[option]
        needed = MIN_FUZZY if len(weights) <= 3 else MIN_FUZZY_LONG
        if len(seen) == 1 < len(weights) and _content_between(document, first, own[0]):
            continue
        if score >= needed and max(weights[key] for key in seen) > TELLING:
            extra.append(
                Mention(
                    option,
                    own[0],
                    own[-1] + 1,
                    document.starts[own[0]],
                    document.ends[own[-1]],
                    FUZZY,
                    score,
                )
            )
    if not extra:
        return found
    return _settle(document, options, found, extra)


def _content_between(document: Document, first: int, stop: int) -> bool:
    return any(not document.flags[at] & STOP for at in range(first, stop))


def _settle(
    document: Document, options: Options, found: list[Mention], extra: list[Mention]
) -> list[Mention]:
    """Keeps a fuzzy mention only where its words are not better explained by another option."""
    merged = list(found)
    for mention in sorted(extra, key=lambda m: (-m.score, m.first)):
        own = options.weights[mention.option]
        inside = {
            document.stems[at]
            for at in range(mention.first, mention.stop)
            if document.stems[at] in own
        }
        for other in merged:
            inside.difference_update(options.weights[other.option])
        left = sum(weight for key, weight in own.items() if key in inside)
        if left / options.totals[mention.option] >= MIN_FUZZY * 0.6:
            merged.append(mention)
    return sorted(merged, key=lambda m: (m.first, -m.kind))
