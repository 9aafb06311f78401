"""Where a response refers to an option: by label, by text, or by most of its words.

Knows segments and options; does not know what is said about an option.
"""

from __future__ import annotations

import re

from starprobe.bench.readers.text.labels import find_labels, find_ordinals
from starprobe.bench.readers.text.options import Options
from starprobe.bench.readers.text.segments import FUZZY, TEXT, Document, Mention, Segment, cut
from starprobe.bench.readers.text.words import COPULA, ORDINAL_WORDS, STOP

_QUANTITY = re.compile(r"[^\w\s]{0,2}\d[\d.,:]*[^\w\s]{0,2} ?[^\W\d]*[^\w\s]{0,2}\Z")
"""A number with or without a unit."""
MIN_FUZZY, MIN_FUZZY_LONG = 0.33, 0.45
"""Share of telling words, for options of up to three such words and for longer ones."""
TELLING = 0.31
"""Weight of a word that at most two options share and that the question does not hold."""
_BEFORE, _AFTER = frozenset("=+/^<>\u00d7\u00f7*"), frozenset("+/^<>=\u00d7\u00f7*")
"""Signs of a calculation."""
_CONCLUDING = frozenset({"answer", "therefore", "thus", "hence", "so", "option", "choice"})


def find(text: str, options: Options) -> Document:
    """The response cut up, with every mention of an option."""
    document = cut(text)
    labels = find_labels(document, options)
    counted = not ORDINAL_WORDS.isdisjoint(document.words)
    telling = telling_places(document, options)
    at = place = 0
    for segment, (first, stop) in zip(document.segments, document.bounds, strict=True):
        own: list[Mention] = []
        while at < len(labels) and labels[at].start < segment.end:
            if labels[at].start >= segment.start:
                own.append(labels[at])
            at += 1
        if counted and (ordinals := find_ordinals(document, options, first, stop)):
            own = sorted([*own, *ordinals], key=lambda mention: mention.first)
        while place < len(telling) and telling[place] < first:
            place += 1
        begin = place
        while place < len(telling) and telling[place] < stop:
            place += 1
        if place > begin:
            own = with_texts(document, options, own, telling[begin:place], stop)
        if place > begin:
            own = with_fuzzy(document, options, own, telling[begin:place], first)
        document.mentions.append(_without_weak(document, options, own, segment, first))
    return document


def _without_weak(
    document: Document, options: Options, found: list[Mention], segment: Segment, first: int
) -> list[Mention]:
    """A number or a "yes" refers to an option only where it heads or closes a sentence's claim."""
    if not any(mention.kind == TEXT for mention in found):
        return found
    kept = []
    for mention in found:
        if mention.kind == TEXT and (
            mention.option in options.weak or _QUANTITY.match(options.texts[mention.option])
        ):
            plain = mention.first - first <= 1 and document.text[
                mention.end : mention.end + 2
            ].lstrip(" )\"'")[:1] in (":", "-", ",", "")
            heads = plain or (mention.first - first <= 1 and _is_subject(document, mention))
            closes = segment.end - mention.end <= 25 and _concludes(document, first, mention.first)
            working = "=" in document.text[segment.start : segment.end]
            said = heads or closes or (not working and _stands_out(document, options, mention))
            if not said or _in_working(document, segment, mention):
                continue
        kept.append(mention)
    return kept


def _stands_out(document: Document, options: Options, mention: Mention) -> bool:
    """A number or quantity that the question does not hold, and no small word or single digit."""
    words = document.words[mention.first : mention.stop]
    if options.question.issuperset(document.stems[mention.first : mention.stop]):
        return False
    return any(word[:1].isdigit() for word in words) and len("".join(words)) > 1


def _is_subject(document: Document, mention: Mention) -> bool:
    """A verb follows: "the amount of water is ..."."""
    at = mention.stop
    return at < len(document.flags) and bool(document.flags[at] & COPULA)


def _in_working(document: Document, segment: Segment, mention: Mention) -> bool:
    """A number of a calculation: a sign of one stands right beside it."""
    text = document.text
    before = text[max(segment.start, mention.start - 3) : mention.start].rstrip(" $(\\")[-1:]
    after = text[mention.end : min(segment.end, mention.end + 4)].lstrip(" $)%\\")[:1]
    return before in _BEFORE or after in _AFTER


def _concludes(document: Document, first: int, stop: int) -> bool:
    return not _CONCLUDING.isdisjoint(document.words[first:stop])


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
        single = len(seen) == 1 < len(weights) and max(weights[key] for key in seen) < 1.0
        if single and _content_between(document, first, own[0]):
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
        if left / options.totals[mention.option] >= MIN_FUZZY * 0.9:
            merged.append(mention)
    return sorted(merged, key=lambda m: (m.first, -m.kind))
