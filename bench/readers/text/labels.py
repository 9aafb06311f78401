"""Which letters and numbers of a response are labels of options, and what is named at a place.

"A basket" holds no label and "I think" none; "(A)", "**A)**", "Option A:", "A is wrong" and "A, C
and D" do. Where an answer is due, right behind "the answer is", more forms count.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from typing import NamedTuple

from starprobe.bench.readers.text.options import Options
from starprobe.bench.readers.text.segments import LABEL, LEAD, TEXT, Document, Mention, Segment
from starprobe.bench.readers.text.words import (
    AFTER_LABEL,
    COPULA,
    NOT_LABEL_AFTER,
    OPTION_WORDS,
    ORDINALS,
)

_COORDINATION = re.compile(r"[)\]\"' ]*(?:,|&|/|,? ?\b(?:and|or|nor)\b)[(\[\"' ]*")
_COUNTED = frozenset({"option", "choice", "answer", "statement", "alternative"})
_SMALL = frozenset({"the", "for", "so", "as"})
_SIGNS = frozenset("&/+=<>^_$%~\\{}|")


class Spot(NamedTuple):
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


def find_labels(document: Document, options: Options) -> list[Mention]:
    """Every label of the text that is used as a label, in order."""
    found: list[Mention] = []
    starts, segments = document.starts, document.segments
    if not segments:
        return found
    token = place = 0
    for match in options.label_pattern.finditer(document.text):
        start, end = match.span()
        while place < len(segments) - 1 and segments[place].end <= start:
            place += 1
        token = bisect_left(starts, start, token)
        if options.scheme != "word" and _is_article(document, start, end, token):
            continue
        spot = _spot(document, options, start, end, token, segments[place])
        kind = _kind(document, options, spot, found)
        if kind:
            stop = bisect_left(starts, end, token)
            found.append(Mention(options.by_label[spot.form], token, stop, start, end, kind, 1.0))
    return found


def _is_article(document: Document, start: int, end: int, token: int) -> bool:
    """A small letter before a word, as most are: told at once, for they are frequent."""
    text = document.text
    if text[end : end + 1] != " " or not text[end + 1 : end + 2].isalpha():
        return False
    if not text[start:end].islower() or text[start - 1 : start] in ("(", "["):
        return False
    return not token or document.words[token - 1] not in OPTION_WORDS


def find_ordinals(document: Document, options: Options, first: int, stop: int) -> list[Mention]:
    """Such as "The second option": a label in words, between two tokens."""
    words = document.words
    return [
        Mention(place, at, at + 2, document.starts[at], document.ends[at + 1], LABEL, 1.0)
        for at in range(first, stop - 1)
        if words[at + 1] in _COUNTED
        and (place := _place(words[at], len(options.labels))) is not None
    ]


def _place(word: str, count: int) -> int | None:
    place = count - 1 if word == "last" else ORDINALS.get(word)
    return place if place is not None and 0 <= place < count else None


def _spot(
    document: Document, options: Options, start: int, end: int, token: int, segment: Segment
) -> Spot:
    text = document.text
    head = text[max(segment.start, start - 14) : start]
    form = text[start:end]
    return Spot(
        form,
        start,
        end,
        token,
        segment,
        document.words[token - 1] if token else "",
        text[max(0, start - 3) : start].rstrip(" \"'")[-1:],
        text[end : end + 3],
        start - segment.start <= 14 and not any(map(str.isalnum, head)),
        form in options.labels,
    )


def _kind(document: Document, options: Options, spot: Spot, found: list[Mention]) -> int:
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
    if not spot.exact or spot.form.isdigit() or options.scheme == "lower":
        return 0
    if spot.after[:2] in (". ", ": ") and spot.form.isupper() and _starts(document, spot):
        return LEAD
    return _bare_kind(document, options, spot, found)


def _is_named(document: Document, spot: Spot) -> bool:
    """Right behind "option", "choice", "answer"."""
    if not spot.token or spot.previous not in OPTION_WORDS:
        return False
    end = document.ends[spot.token - 1]
    return spot.start - end <= 4 and "\n" not in document.text[end : spot.start]


def _named_kind(document: Document, spot: Spot) -> int:
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


def _only_option_words(document: Document, spot: Spot) -> bool:
    at = spot.token - 1
    while at >= 0 and document.starts[at] >= spot.segment.content:
        if document.words[at] not in OPTION_WORDS and document.words[at] not in _SMALL:
            return False
        at -= 1
    return True


def _enclosed_kind(document: Document, options: Options, spot: Spot) -> int:
    """Such as "(A)" and "[A]"; "f(A)" is a function."""
    text = document.text
    touches = spot.token and text[document.ends[spot.token - 1] : spot.start] == "("
    if touches and len(spot.previous) == 1:
        return 0
    if spot.form in options.enumerated and not (spot.opens and spot.exact):
        return 0
    if not spot.exact and (spot.form.lower() in "ivx" or options.scheme == "digit"):
        return 0
    if spot.form.isdigit() and not spot.opens:
        return LABEL
    return LEAD if spot.opens or _starts(document, spot) else LABEL


def _bracketed_kind(options: Options, spot: Spot) -> int:
    """Such as "A)" at the start of something."""
    if spot.form.isdigit():
        return LEAD if spot.opens else 0
    if spot.exact or options.scheme in ("upper", "lower"):
        return LEAD if spot.opens or spot.before in (".", ";", ":") else LABEL
    return 0


def _opening_kind(options: Options, spot: Spot, closing: str) -> int:
    """Such as "A. text", "A: text", "A - text", a line that is only "A", a JSON key."""
    marked = spot.after[:1] in tuple(".:|)]") or spot.after[:2] in (" -", " :", " |", " =")
    if marked and (spot.exact or (options.scheme == "lower" and spot.form.isupper())):
        return LEAD
    if not spot.exact:
        return 0
    if spot.end >= spot.segment.end or closing == "\n":
        alone = spot.segment.end - spot.segment.start <= 4
        return LEAD if alone or not spot.form.isdigit() else 0
    return LEAD if spot.before == "" and spot.after[:1] == '"' else _keyed(spot)


def _keyed(spot: Spot) -> int:
    return LEAD if spot.after[:2] == '":' else 0


def _starts(document: Document, spot: Spot) -> bool:
    """A sentence begins here."""
    before = document.text[max(0, spot.start - 6) : spot.start].rstrip(" ([\"'")
    return before == "" or before[-1:] in ".?!;:\n"


def _bare_kind(document: Document, options: Options, spot: Spot, found: list[Mention]) -> int:
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


_PAST = r"(?:[^\w.?!;-]|_|-(?!\d))*+"
_LEAD_IN = re.compile(
    rf"{_PAST}(?:\\?(?:text|mathrm|textbf|mathbf|textit|boxed|fbox|mbox|bf) *+\{{)?{_PAST}"
    rf"(?:(?:clearly|therefore|thus|then|likely|most likely|probably|definitely|indeed|actually|"
    rf"simply|obviously|still|also|hence|now|both|either|only|just|of course|in fact),? ++)*+"
    rf"(?:the ++)?(?:(?:correct|right|best|final) ++)?"
    rf"(?:(?:options?|choices?|answers?|letter|alternative|statements?|number|situation)\b)?"
    rf"{_PAST}",
    re.I,
)
_QUOTE = re.compile(r"[\s\"'(\[$:]*+(?:\\?(?:text|mathrm|textbf|mathbf) *+\{)?(?:the |an? )?", re.I)
_AND = r"(?:\\text *\{)? *(?:and/or|and|or|&|/|\+|as well as) *\}?"
_MORE = re.compile(
    rf"[)\]}}\"']{{0,3}}(?: *, *(?:{_AND})?| *{_AND}) *"
    r"(?:also |both |either |possibly |perhaps |maybe |even )?"
    r"(?:options? )?[(\[\"']?",
    re.I,
)
_MORE_TEXT = re.compile(rf"[)\]}}\"']{{0,3}},? *{_AND} *(?:the |an? )?[\"']?", re.I)
_RUN = re.compile(r"[A-Z]{2,8}(?=[)\].,\s\"'}]|\Z)")
_CLOSED = re.compile(r"\Z|[^\w\s+#'-]|['-](?!\w)| *(?:\n|\Z)| +[^\w\s]")
_WORD = re.compile(r" {1,4}([a-z]+)")
_BREAKS, _POINTS = frozenset("^_/*%"), frozenset(".,")
_ARTICLE = re.compile(r"\W*(?:the|an?)?\W*", re.I)
NEAR = 8
"""Characters between a cue and the text of an option that stands right behind it."""


class Reference(NamedTuple):
    """The options named at one place."""

    options: tuple[int, ...]
    start: int
    end: int


def reference_at(document: Document, options: Options, at: int) -> Reference | None:
    """What is named right at a place, past brackets, quotes, "option" and the like."""
    lead = _LEAD_IN.match(document.text, at)
    place = lead.end() if lead else at
    literal = _texts_at(document.text, options, at, place)
    named = labels_at(document.text, place, options)
    if literal and (named is None or literal.end >= named.end):
        return literal
    return named or _mention_at(document, place)


def _texts_at(text: str, options: Options, at: int, place: int) -> Reference | None:
    """The options whose texts stand here as they are, joined by "and"."""
    quote = _QUOTE.match(text, at)
    first = _text_at(text, options, quote.end() if quote else at) or _text_at(text, options, place)
    if first is None:
        return None
    found, end = [*first.options], first.end
    for _ in options.texts:
        more = _MORE_TEXT.match(text, end)
        other = _text_at(text, options, more.end()) if more else None
        if other is None:
            break
        found += [option for option in other.options if option not in found]
        end = other.end
    return Reference(tuple(found), first.start, end)


def _text_at(text: str, options: Options, start: int) -> Reference | None:
    """The option with the longest text that stands here as it is, "-3" with its sign."""
    for known, option in options.by_start.get(text[start : start + 1].lower(), ()):
        end = start + len(known)
        if text[start:end].lower() == known and _ends(text, end):
            return Reference((option,), start, end)
    return None


def _ends(text: str, end: int) -> bool:
    """No word, number or formula goes on here."""
    after = text[end : end + 1]
    if text[end - 1 : end].isalnum() and (after.isalnum() or after in _BREAKS):
        return False
    return not (after in _POINTS and text[end + 1 : end + 2].isdigit())


def labels_at(text: str, at: int, options: Options) -> Reference | None:
    """The labels that stand right here: "B", "(a)", "A and C", "ACD"."""
    run = _RUN.match(text, at)
    if run and options.scheme == "upper" and _is_run(run[0], options):
        return Reference(tuple(options.by_label[form] for form in run[0]), at, run.end())
    found: list[int] = []
    begin = end = at
    for _ in options.labels:
        label = options.label_pattern.match(text, at)
        if label is None or not is_label(text, label, options):
            break
        if found and label[0] not in options.labels:
            break
        if not found:
            begin = label.start()
        option, end = options.by_label[label[0]], label.end()
        if option not in found:
            found.append(option)
        more = _MORE.match(text, end)
        if more is None:
            break
        at = more.end()
    return Reference(tuple(found), begin, end) if found else None


def _is_run(letters: str, options: Options) -> bool:
    together = set(letters)
    return len(together) == len(letters) and together <= set(options.labels)


def is_label(text: str, label: re.Match[str], options: Options) -> bool:
    """The form of a label, where an answer is due, is one: no article, pronoun or amount."""
    form, end = label[0], label.end()
    if text[end : end + 1] in tuple("+#"):
        return False
    closed = _CLOSED.match(text, end) is not None
    if form.isdigit():
        return not _goes_on(text, end) and (closed or _word_after(text, end) in AFTER_LABEL)
    if form in ("a", "i", "I") or (form.islower() and options.scheme == "upper"):
        return closed or _word_after(text, end) in ("because", "since", "instead")
    if form == "A" and text[end : end + 1] == " ":
        word = _word_after(text, end)
        return closed or not word or word in AFTER_LABEL
    return True


def _goes_on(text: str, end: int) -> bool:
    """Such as "2.5", "2/3" and "2%": another number."""
    following = text[end : end + 2]
    return following[:1] == "%" or (following[:1] in tuple(".,/:") and following[1:].isdigit())


def _word_after(text: str, end: int) -> str:
    word = _WORD.match(text, end)
    return word[1] if word else ""


def _mention_at(document: Document, place: int) -> Reference | None:
    """The option whose whole text begins here."""
    index = segment_at(document, place)
    for own in document.mentions[index : index + 2]:
        for mention in own:
            if mention.start > place + NEAR:
                break
            if mention.kind >= TEXT and _ARTICLE.fullmatch(document.text, place, mention.start):
                return Reference((mention.option,), mention.start, mention.end)
    return None


def segment_at(document: Document, position: int) -> int:
    """The last segment that begins at or before a position."""
    found = bisect_right(document.segments, position, key=lambda segment: segment.start) - 1
    return max(0, found)
