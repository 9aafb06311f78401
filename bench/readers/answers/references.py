"""Which option, or options, the text names at one place: "(B)", "A and C", "option ii", its text.

More generous than labels are in running text, for it is asked only where an answer is due.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from starprobe.bench.readers.lexicon import AFTER_LABEL
from starprobe.bench.readers.mentions import TEXT, Document, Mention
from starprobe.bench.readers.options import Options

_SIGNS = r"(?:[^\w.?!;-]|_|-(?!\d))*+"
_LEAD_IN = re.compile(
    rf"{_SIGNS}(?:\\?(?:text|mathrm|textbf|mathbf|textit|boxed|fbox|mbox|bf) *+\{{)?{_SIGNS}"
    rf"(?:(?:clearly|therefore|thus|then|likely|most likely|probably|definitely|indeed|actually|"
    rf"simply|obviously|still|also|hence|now|both|either|only|just|of course|in fact),? ++)*+"
    rf"(?:the ++)?(?:(?:correct|right|best|final) ++)?"
    rf"(?:(?:options?|choices?|answers?|letter|alternative|statements?|number|situation)\b)?"
    rf"{_SIGNS}",
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
        return closed or _word_after(text, end) in ("because", "since")
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


def mentions_after(document: Document, begin: int, end: int, at: int) -> list[Mention]:
    """The mentions behind a cue at [begin, end): in its segment and one that begins by `at`."""
    found: list[Mention] = []
    for index in range(segment_at(document, begin), len(document.segments)):
        if document.segments[index].start > at + 40:
            break
        found += [m for m in document.mentions[index] if end - 1 <= m.start < end + 400]
    return found
