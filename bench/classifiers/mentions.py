"""Where a response refers to an option: by label, by text, or by most of its words.

Knows segments and options; does not know what is said about an option.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from bench.classifiers.labels import find_labels, find_ordinals
from bench.classifiers.lexicon import COPULA, FLAGS, STOP
from bench.classifiers.options import Options
from bench.classifiers.segments import Segment, split
from bench.classifiers.tokens import FUZZY, LABEL, LEAD, TEXT, Document, Mention
from bench.classifiers.words import TOKEN, normalise, stem

__all__ = ["FUZZY", "LABEL", "LEAD", "TELLING", "TEXT", "Document", "Mention", "find"]

MIN_FUZZY, MIN_FUZZY_LONG = 0.5, 0.6
"""Share of telling words, for options of up to three such words and for longer ones."""
TELLING = 0.31
"""Weight of a word that at most two options share and that the question does not hold."""
_NEXT_QUESTION = re.compile(r"\n(?:Q|Question|Q\d{1,3}|Question \d{1,3}) {0,3}[:.] {0,3}\S")
_BEFORE, _AFTER = frozenset("=+/^<>\u00d7\u00f7*"), frozenset("+/^<>=\u00d7\u00f7*")
_QUANTITY = re.compile(r"[^\w\s]{0,2}\d[\d.,:]*[^\w\s]{0,2} ?[^\W\d]*[^\w\s]{0,2}\Z")
"""A number with or without a unit."""
_CONCLUDING = frozenset({"answer", "therefore", "thus", "hence", "so", "option", "choice"})


def find(text: str, options: Options) -> Document:
    """The response cut up, with every mention of an option."""
    plain = normalise(text)
    plain = plain[: _own_end(plain)]
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for token in TOKEN.finditer(plain):
        words.append(token[0].lower())
        start, end = token.span()
        starts.append(start)
        ends.append(end)
    stems = [stem(word) for word in words]
    flags = [FLAGS.get(word, 0) for word in words]
    segments = split(plain)
    document = Document(plain, words, stems, flags, starts, ends, segments, [], [])
    _bound(document)
    labels = find_labels(document, options)
    at = 0
    for segment, (first, stop) in zip(segments, document.bounds, strict=True):
        own: list[Mention] = []
        while at < len(labels) and labels[at].start < segment.end:
            if labels[at].start >= segment.start:
                own.append(labels[at])
            at += 1
        ordinals = find_ordinals(document, options, first, stop)
        if ordinals:
            own = sorted([*own, *ordinals], key=lambda mention: mention.first)
        own = _with_texts(document, options, own, first, stop)
        if options.literal:
            own = _with_literals(document, options, own, segment)
        own = _with_fuzzy(document, options, own, first, stop)
        if own:
            own = _without_weak(document, options, own, segment, first)
        document.mentions.append(own)
    return document


def _without_weak(
    document: Document, options: Options, found: list[Mention], segment: Segment, first: int
) -> list[Mention]:
    """A number or a "yes" refers to an option only where it heads or closes a sentence's claim."""
    kept = []
    for mention in found:
        if mention.kind == TEXT and (
            mention.option in options.weak or _QUANTITY.match(options.texts[mention.option])
        ):
            heads = mention.first - first <= 1 and document.text[
                mention.end : mention.end + 2
            ].lstrip(" )\"'")[:1] in (":", "-", ",", "")
            heads = heads or (mention.first - first <= 1 and _is_subject(document, mention))
            closes = segment.end - mention.end <= 25 and _concludes(document, first, mention.first)
            if (not heads and not closes) or _in_working(document, segment, mention):
                continue
        kept.append(mention)
    return kept


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


def _own_end(text: str) -> int:
    """Where a base model, having answered, goes on to ask itself the next question."""
    for match in _NEXT_QUESTION.finditer(text):
        before = text[: match.start()].strip()
        if before and (len(before) <= 60 or "answer" in before.lower()):
            return match.start()
        if match.start() > 20_000:
            break
    return len(text)


def _bound(document: Document) -> None:
    at, starts, count = 0, document.starts, len(document.starts)
    for segment in document.segments:
        while at < count and starts[at] < segment.content:
            at += 1
        first = at
        while at < count and starts[at] < segment.end:
            at += 1
        document.bounds.append((first, at))


def _with_texts(
    document: Document, options: Options, found: list[Mention], first: int, stop: int
) -> list[Mention]:
    """The labels and the options whose whole text stands there, in order, apart."""
    texts: list[Mention] = []
    stems, phrases = document.stems, options.phrases
    at = first
    while at < stop:
        candidates = phrases.get(stems[at])
        if candidates:
            for phrase, option in candidates:
                size = len(phrase)
                if at + size <= stop and (size == 1 or tuple(stems[at : at + size]) == phrase):
                    start, end = document.starts[at], document.ends[at + size - 1]
                    texts.append(Mention(option, at, at + size, start, end, TEXT, 1.0))
                    at += size - 1
                    break
        at += 1
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


def _with_literals(
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


def _with_fuzzy(
    document: Document, options: Options, found: list[Mention], first: int, stop: int
) -> list[Mention]:
    """Adds options that have most of their telling words in the segment."""
    owners, stems, flags = options.owners, document.stems, document.flags
    spots: dict[int, list[int]] = {}
    for at in range(first, stop):
        holders = owners.get(stems[at])
        if holders and not flags[at] & STOP:
            for option in holders:
                spots.setdefault(option, []).append(at)
    if not spots:
        return found
    known = {mention.option for mention in found}
    extra: list[Mention] = []
    for option, places in spots.items():
        if option in known or option in options.weak:
            continue
        weights = options.weights[option]
        seen = {stems[at] for at in places}
        score = sum(weights[key] for key in seen) / options.totals[option]
        needed = MIN_FUZZY if len(weights) <= 3 else MIN_FUZZY_LONG
        if len(seen) == 1 < len(weights) and _content_between(document, first, places[0]):
            continue
        if score >= needed and max(weights[key] for key in seen) > TELLING:
            extra.append(
                Mention(
                    option,
                    places[0],
                    places[-1] + 1,
                    document.starts[places[0]],
                    document.ends[places[-1]],
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
        left = sum(own[key] for key in inside)
        if left / options.totals[mention.option] >= MIN_FUZZY * 0.6:
            merged.append(mention)
    return sorted(merged, key=lambda m: (m.first, -m.kind))
