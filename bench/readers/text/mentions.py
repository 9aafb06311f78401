"""Where a response refers to an option: by label, by text, or by most of its words.

Knows segments and options; does not know what is said about an option. "A basket" holds no label
and "I think" none; "(A)", "**A)**", "Option A:", "A is wrong" and "A, C and D" do.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

from starprobe.bench.readers.text.document import (
    AFTER_LABEL,
    COPULA,
    FUZZY,
    LABEL,
    LEAD,
    NOT_LABEL_AFTER,
    OPTION_WORDS,
    ORDINAL_WORDS,
    ORDINALS,
    STOP,
    TEXT,
    Document,
    Mention,
    Segment,
    cut,
)
from starprobe.bench.readers.text.options import Options

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
    labels = _find_labels(document, options)
    counted = not ORDINAL_WORDS.isdisjoint(document.words)
    telling = _telling_places(document, options)
    at = place = 0
    for segment, (first, stop) in zip(document.segments, document.bounds, strict=True):
        own: list[Mention] = []
        while at < len(labels) and labels[at].start < segment.end:
            if labels[at].start >= segment.start:
                own.append(labels[at])
            at += 1
        if counted and (ordinals := _find_ordinals(document, options, first, stop)):
            own = sorted([*own, *ordinals], key=lambda mention: mention.first)
        while place < len(telling) and telling[place] < first:
            place += 1
        begin = place
        while place < len(telling) and telling[place] < stop:
            place += 1
        if place > begin:
            own = _with_texts(document, options, own, telling[begin:place], stop)
        if place > begin:
            own = _with_fuzzy(document, options, own, telling[begin:place], first)
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
            before = document.words[first : mention.first]
            closes = segment.end - mention.end <= 25 and not _CONCLUDING.isdisjoint(before)
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


def _telling_places(document: Document, options: Options) -> list[int]:
    """The tokens that can be part of an option's text."""
    owners, phrases = options.owners, options.phrases
    return [at for at, key in enumerate(document.stems) if key in owners or key in phrases]


def _with_texts(
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


def _with_fuzzy(
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
        if single and not all(flag & STOP for flag in flags[first : own[0]]):
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


_COORDINATION = re.compile(r"[)\]\"' ]*(?:,|&|/|,? ?\b(?:and|or|nor)\b)[(\[\"' ]*")
_COUNTED = frozenset({"option", "choice", "answer", "statement", "alternative"})
_SMALL = frozenset({"the", "for", "so", "as"})
_SIGNS = frozenset("&/+=<>^_$%~\\{}|")


class _Spot(NamedTuple):
    """A place where the form of a label stands, and what is around it."""

    form: str
    start: int
    end: int
    token: int
    segment: Segment
    previous: str
    """The word before, however far."""
    before: str
    """The sign before, past blanks and quotes; empty at the start of the text."""
    after: str
    """Up to three characters behind."""
    opens: bool
    """Nothing but signs stands before it in its segment."""
    exact: bool
    """In the very case of the label."""


def _find_labels(document: Document, options: Options) -> list[Mention]:
    """Every label of the text that is used as a label, in order."""
    found: list[Mention] = []
    starts, segments, labelling = document.starts, document.segments, options.labelling
    if not segments:
        return found
    token = place = 0
    for match in labelling.pattern.finditer(document.text):
        start, end = match.span()
        while place < len(segments) - 1 and segments[place].end <= start:
            place += 1
        token = bisect_left(starts, start, token)
        if labelling.scheme != "word" and _is_article(document, start, end, token):
            continue
        spot = _spot(document, options, start, end, token, segments[place])
        kind = _kind(document, options, spot, found)
        if kind:
            stop = bisect_left(starts, end, token)
            found.append(Mention(labelling.by_label[spot.form], token, stop, start, end, kind, 1.0))
    return found


def _is_article(document: Document, start: int, end: int, token: int) -> bool:
    """A small letter before a word, as most are: told at once, for they are frequent."""
    text = document.text
    if text[end : end + 1] != " " or not text[end + 1 : end + 2].isalpha():
        return False
    if not text[start:end].islower() or text[start - 1 : start] in ("(", "["):
        return False
    return not token or document.words[token - 1] not in OPTION_WORDS


def _find_ordinals(document: Document, options: Options, first: int, stop: int) -> list[Mention]:
    """Such as "The second option": a label in words, between two tokens."""
    words = document.words
    return [
        Mention(place, at, at + 2, document.starts[at], document.ends[at + 1], LABEL, 1.0)
        for at in range(first, stop - 1)
        if words[at + 1] in _COUNTED
        and (place := _place(words[at], len(options.texts))) is not None
    ]


def _place(word: str, count: int) -> int | None:
    place = count - 1 if word == "last" else ORDINALS.get(word)
    return place if place is not None and 0 <= place < count else None


def _spot(
    document: Document, options: Options, start: int, end: int, token: int, segment: Segment
) -> _Spot:
    text = document.text
    head = text[max(segment.start, start - 14) : start]
    form = text[start:end]
    return _Spot(
        form,
        start,
        end,
        token,
        segment,
        document.words[token - 1] if token else "",
        text[max(0, start - 3) : start].rstrip(" \"'")[-1:],
        text[end : end + 3],
        start - segment.start <= 14 and not any(map(str.isalnum, head)),
        form in options.labelling.labels,
    )


def _kind(document: Document, options: Options, spot: _Spot, found: list[Mention]) -> int:
    """LEAD, LABEL, or 0 for a word like any other."""
    if _is_named(document, spot):
        return _named_kind(document, spot)
    closing = spot.after.lstrip(" \"'")[:1]
    if spot.before in ("(", "[") and closing in (")", "]") and closing:
        return _enclosed_kind(document, options, spot)
    if spot.after[:1] == ")" and spot.before in ("", ".", ",", ";", ":", "-", "|", "\n"):
        return _bracketed_kind(options, spot)
    if spot.opens:
        kind = _opening_kind(options, spot, closing)
        if kind:
            return kind
    if not spot.exact or spot.form.isdigit() or options.labelling.scheme == "lower":
        return 0
    if spot.after[:2] in (". ", ": ") and spot.form.isupper() and _starts(document, spot):
        return LEAD
    return _bare_kind(document, options, spot, found)


def _is_named(document: Document, spot: _Spot) -> bool:
    """Right behind "option", "choice", "answer"."""
    if not spot.token or spot.previous not in OPTION_WORDS:
        return False
    end = document.ends[spot.token - 1]
    return spot.start - end <= 4 and "\n" not in document.text[end : spot.start]


def _named_kind(document: Document, spot: _Spot) -> int:
    closing = spot.after.lstrip(" \"'")[:1]
    verb = spot.token + 1 >= len(document.words) or document.flags[spot.token + 1] & COPULA
    if spot.form == "a" and closing not in tuple(").:,-]") and closing and not verb:
        return 0
    if spot.form == "I" and spot.after[:1] == " " and closing.islower():
        # "The option I chose"; but "Option I holds water".
        label = verb or document.text[document.starts[spot.token - 1]].isupper()
        if not label:
            return 0
    near = spot.start - spot.segment.content <= 18
    return LEAD if near and _only_option_words(document, spot) else LABEL


def _only_option_words(document: Document, spot: _Spot) -> bool:
    at = spot.token - 1
    while at >= 0 and document.starts[at] >= spot.segment.content:
        if document.words[at] not in OPTION_WORDS and document.words[at] not in _SMALL:
            return False
        at -= 1
    return True


def _enclosed_kind(document: Document, options: Options, spot: _Spot) -> int:
    """Such as "(A)" and "[A]"; "f(A)" is a function."""
    text = document.text
    touches = spot.token and text[document.ends[spot.token - 1] : spot.start] == "("
    if touches and len(spot.previous) == 1:
        return 0
    if spot.form in options.enumerated and not (spot.opens and spot.exact):
        return 0
    if not spot.exact and (spot.form.lower() in "ivx" or options.labelling.scheme == "digit"):
        return 0
    if spot.form.isdigit() and not spot.opens:
        return LABEL
    return LEAD if spot.opens or _starts(document, spot) else LABEL


def _bracketed_kind(options: Options, spot: _Spot) -> int:
    """Such as "A)" at the start of something."""
    if spot.form.isdigit():
        return LEAD if spot.opens else 0
    if spot.exact or options.labelling.scheme in ("upper", "lower"):
        return LEAD if spot.opens or spot.before in (".", ";", ":") else LABEL
    return 0


def _opening_kind(options: Options, spot: _Spot, closing: str) -> int:
    """Such as "A. text", "A: text", "A - text", a line that is only "A", a JSON key."""
    marked = spot.after[:1] in tuple(".:|)]") or spot.after[:2] in (" -", " :", " |", " =")
    if marked and (spot.exact or (options.labelling.scheme == "lower" and spot.form.isupper())):
        return LEAD
    if not spot.exact:
        return 0
    if spot.end >= spot.segment.end or closing == "\n":
        alone = spot.segment.end - spot.segment.start <= 4
        return LEAD if alone or not spot.form.isdigit() else 0
    keyed = spot.after[:2] == '":' or (spot.before == "" and spot.after[:1] == '"')
    return LEAD if keyed else 0


def _starts(document: Document, spot: _Spot) -> bool:
    """A sentence begins here."""
    before = document.text[max(0, spot.start - 6) : spot.start].rstrip(" ([\"'")
    return before == "" or before[-1:] in ".?!;:\n"


def _bare_kind(document: Document, options: Options, spot: _Spot, found: list[Mention]) -> int:
    """A capital letter, or a longer label, that stands alone inside a sentence."""
    text, start, end = document.text, spot.start, spot.end
    around = text[max(0, start - 2) : start].rstrip()[-1:] + text[end : end + 2].lstrip()[:1]
    if not _SIGNS.isdisjoint(around) or "-" in text[max(0, start - 1) : end + 1]:
        return 0
    if len(spot.form) > 1:
        return LABEL if spot.form.isupper() and spot.form not in options.texts else 0
    if (
        found
        and 0 < start - found[-1].end <= 7
        and _COORDINATION.fullmatch(text, found[-1].end, start)
    ):
        return LABEL
    if "=" in text[start - 80 if start > 80 else 0 : end + 80] or spot.form == "I":
        return 0
    if spot.form in options.content_letters or spot.previous in NOT_LABEL_AFTER:
        return 0
    if spot.form != "A" or text[end : end + 3].lstrip(" ")[:1] in ("", *".,;:)?!"):
        return LABEL
    following = document.words[spot.token + 1] if spot.token + 1 < len(document.words) else ""
    return LABEL if following in AFTER_LABEL else 0
