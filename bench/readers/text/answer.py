"""Which option a response states as its answer.

Sentences are looked at from the last to the first for a phrase that announces an answer; then for
an opening that is one, for an option that is called the right one, for a verdict on each option in
turn. Where nothing is stated, a sentence that simply asserts one option may still be the answer,
and is told apart as such. Knows what the text says, never whether it is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from starprobe.bench.readers.text.announced import (
    CASE,
    DENY,
    HEADS,
    JOINED,
    NEAR_END,
    NO_HEADS,
    NONE,
    Stated,
    announced_in,
    begins_list,
    declines,
    goes_on,
    is_label,
    labels_at,
    leader,
    none_of_them,
    reference_at,
    refused_in,
    segment_at,
)
from starprobe.bench.readers.text.document import (
    JUDGE,
    LABEL,
    LEAD,
    NEGATION,
    NEGATIVE,
    REJECT,
    STOP,
    TEXT,
    Document,
    Mention,
    word_set,
)
from starprobe.bench.readers.text.options import Options

_ARROW = re.compile(
    r"(?:\u2192|->|=>|\u21d2|\u27f9|\bi\.e\.,?|\bnamely,?|: | - |= ?) *(?:so )?(?:the )?"
    r"(?:answer )?(?:is )?",
    re.I,
)
"""What a closing answer stands behind."""
_SUPPOSES = re.compile(
    r"\b(?:if|whether|unless|suppose|assuming|assume|had|why|might|could|"
    r"may|perhaps|possibly|plausible|seems?|tempting)\b",
    re.I,
)
_CONCLUDES = re.compile(
    r"[\W_]*(?:so|therefore|thus|hence|in conclusion|in summary|overall|based on|considering|"
    r"given|after|consequently|accordingly|ultimately|finally|in the end|conclusion|among|"
    r"of (?:these|the)|out of|in short|as a result|final(?:ly)?|actually|to conclude)\b",
    re.I,
)


def stated(document: Document, options: Options) -> Stated:
    """The answer that the response states, by the surest way in which it does."""
    parts = [document]
    thought = max(map(document.raw.rfind, _THOUGHT))
    if thought >= 0:
        first = segment_at(document, thought) + 1
        parts.insert(
            0,
            document._replace(
                segments=document.segments[first:],
                bounds=document.bounds[first:],
                mentions=document.mentions[first:],
            ),
        )
    for part in parts:
        for way in _WAYS:
            found = way(part, options)
            if found is not None:
                return found
    return Stated()


_THOUGHT = ("</think>", "</thinking>", "</scratchpad>", "</reasoning>")
"""Ends of thinking: what stands behind it is the answer, if it holds one."""
_KEY = re.compile(r"answer|choice|final|correct|selected|prediction|result|best", re.I)
MAX_VALUE = 600


def _field(document: Document, options: Options) -> Stated | None:
    """What the last field says whose name is like an answer's."""
    for index in range(len(document.segments) - 1, -1, -1):
        segment = document.segments[index]
        if not segment.key or segment.end - segment.content >= MAX_VALUE:
            continue
        if not _KEY.search(segment.key) and not (
            segment.key == "option" and sum(s.key == "option" for s in document.segments) == 1
        ):
            continue
        value = document.text[segment.content : segment.end].strip(" \"',}]\n")
        named = reference_at(document, options, segment.content)
        if named and named.start < segment.end:
            return Stated(named.options, "field")
        if NONE.match(value) or not value:
            return none_of_them(options)
    return None


def _declared(document: Document, options: Options) -> Stated | None:
    """The last sentence that declares an answer; the very last one also by holding nothing else."""
    last = len(document.segments) - 1
    for index in range(last, -1, -1):
        first, stop = document.bounds[index]
        words = document.words[first:stop]
        found = None
        if not HEADS.isdisjoint(words):
            found = announced_in(document, options, index)
        if (
            found is None
            and index >= last - 2
            and (options.none_of or not NO_HEADS.isdisjoint(words))
        ):
            found = refused_in(document, options, index)
        if found is None and index == last > 0:
            found = _unlisted(document, options, index)
        if found:
            return found
    return None


def _hinted(document: Document, options: Options) -> Stated | None:
    """What cues announce that say little by themselves; the last arrow."""
    for index in range(len(document.segments) - 1, -1, -1):
        segment = document.segments[index]
        arrows = list(_ARROW.finditer(document.text, segment.content, segment.end))
        if arrows and len(document.segments) - index <= 3:
            named = reference_at(document, options, arrows[-1].end())
            closes = named and not any(map(str.isalnum, document.text[named.end : segment.end]))
            if named and closes and not _is_list(document, options, index):
                return Stated(named.options, "hinted")
        first, stop = document.bounds[index]
        near = len(document.segments) - index <= NEAR_END or index == 0
        if near and not HEADS.isdisjoint(document.words[first:stop]):
            found = announced_in(document, options, index, weak=True)
            if found and len(found.options) == 1:
                return found._replace(how="hinted")
    return None


def _is_list(document: Document, options: Options, index: int) -> bool:
    named = {mention.option for mention in document.mentions[index] if mention.kind >= TEXT}
    return len(named) > 1 or document.segments[index].kind == "row"


_EMPTY = word_set(
    "okay ok yes sure certainly definitely absolutely course great question here obviously "
    "clearly alright letter correction sorry hmm well right perfect good exactly precisely "
    "simply guess bet lean leaning leaves leaving left remains matches corresponds ultimately "
    "answered hello hi happy help thank thanks glad key"
)
_HEDGED = word_set("possible possibly plausible possibility could might may if")
MOST_WORDS, FILLERS = 16, 3
"""Words beside the option's in a bare answer; and of those, words in no list."""


def alone(document: Document, options: Options, index: int) -> tuple[int, ...]:
    """The option, or the options, that this sentence holds with no content besides; else none."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    if segment.key or document.flags[first:stop].count(0) > 2 * options.longest + FILLERS:
        return ()
    whole = reference_at(document, options, segment.content)
    if whole and not any(map(str.isalnum, document.text[whole.end : segment.end])):
        return _few(whole.options, options)
    named = _few(_named_in(document, options, index), options)
    if not named or first >= stop:
        return ()
    own = frozenset[str]().union(*(options.own_words[option] for option in named))
    spare = 0
    for token in range(first, stop):
        word, flags = document.words[token], document.flags[token]
        if word in own or document.stems[token] in own:
            continue
        if flags & (NEGATION | NEGATIVE | REJECT) or word in _HEDGED:
            return ()
        if not flags & (STOP | JUDGE) and word not in _EMPTY:
            return ()
        spare += 1
    asks = document.text[segment.end - 1] == "?" and len(document.segments) > 1
    return () if asks or spare > MOST_WORDS else named


def _few(named: tuple[int, ...], options: Options) -> tuple[int, ...]:
    """Options named all together are a list, and no answer."""
    return () if len(named) > 2 and len(named) == len(options.texts) else named


def _named_in(document: Document, options: Options, index: int) -> tuple[int, ...]:
    """The options that a sentence names by label, generously, or by their whole texts."""
    segment, text = document.segments[index], document.text
    labels = [
        label
        for label in options.labelling.pattern.finditer(text, segment.content, segment.end)
        if is_label(text, label, options)
    ]
    if labels:
        found = labels_at(text, labels[0].start(), options)
        together = set(found.options) if found else set()
        named = {options.labelling.by_label[label[0]] for label in labels}
        once = len(labels) == len(named) and named <= together
        return tuple(sorted(named)) if len(named) == 1 or once else ()
    texts = {m.option for m in document.mentions[index] if m.kind >= TEXT}
    return tuple(texts) if len(texts) == 1 else ()


def _unlisted(document: Document, options: Options, index: int) -> Stated | None:
    """The bare answer that a sentence is, unless it is one of a list of options."""
    named = alone(document, options, index)
    if not named or begins_list(document, named[0], index):
        return None
    if document.segments[index].opens:
        if goes_on(document, named[0], index):
            return None
    elif index > 0 and alone(document, options, index - 1) == (named[0] - 1,):
        return None
    return Stated(named, "declared")


def _opening(document: Document, options: Options) -> Stated | None:
    """A response that begins with its answer: "B", "(c) A group ...", "Sure! It's B."."""
    if not document.segments:
        return None
    first, stop = document.bounds[0]
    greeting = all(
        flag & (STOP | JUDGE) or word in _EMPTY
        for flag, word in zip(document.flags[first:stop], document.words[first:stop], strict=True)
    )
    pair = _paired(document, options)
    if pair is not None:
        return pair
    for index in range(2 if greeting and len(document.segments) > 1 else 1):
        named = alone(document, options, index)
        if named:
            listed = begins_list(document, named[0], index)
            return None if listed else Stated(named, "opening")
    return _led(document, options)


def _paired(document: Document, options: Options) -> Stated | None:
    """A first sentence with label and text of one option side by side: "It is mouldy (C)."."""
    for index, segment in enumerate(document.segments[:3]):
        mentions = document.mentions[index]
        if not mentions:
            continue
        option = mentions[0].option
        pairs = [m for m in mentions if m.kind >= LABEL and m.stop - m.first > 1]
        if not pairs and mentions[-1].kind == LABEL and _closes(document, mentions[-1], index):
            pairs = [mentions[-1]]
        if not pairs or any(m.option != option for m in mentions):
            return None
        text = document.text
        before, behind = text[segment.content : mentions[0].start], text[pairs[-1].end :][:40]
        if DENY.search(before) or DENY.search(behind.split(".")[0]) or _SUPPOSES.search(before):
            return None
        if text[segment.end - 1] == "?" or begins_list(document, option, index):
            return None
        return Stated((option,), "opening")
    return None


def _closes(document: Document, label: Mention, index: int) -> bool:
    """A label in brackets behind a whole sentence: "It becomes four times as large (C)."."""
    text, segment = document.text, document.segments[index]
    bracketed = text[label.start - 1 : label.start] in ("(", "[") and label.start > segment.content
    behind = text[label.end : segment.end]
    words = label.first - document.bounds[index][0]
    return bracketed and words > 2 and not any(map(str.isalnum, behind))


def _led(document: Document, options: Options) -> Stated | None:
    """A first sentence that begins with a label, of that option only, with nothing against it."""
    segment, mentions = document.segments[0], document.mentions[0]
    if not mentions or mentions[0].first > document.bounds[0][0] or mentions[0].kind < TEXT:
        return None
    lead = mentions[0]
    if begins_list(document, lead.option, 0) or any(m.option != lead.option for m in mentions):
        return None
    if options.texts[lead.option].lower() in ("yes", "no") and (
        document.text[lead.end : lead.end + 1] == ","
    ):
        return Stated((lead.option,), "opening")
    if DENY.search(document.text, lead.end, segment.end):
        return None
    whole = len(options.own_words[lead.option]) <= lead.stop - lead.first + 2
    short = segment.end - lead.end <= 60
    if lead.kind == LEAD and (short or whole):
        return Stated((lead.option,), "opening")
    return Stated((lead.option,), "opening") if lead.end >= segment.end - 2 else None


_BEHIND = r"[\s)\]\"',]*(?:therefore |thus |then |clearly |probably |likely |still |indeed )?"
_SURE = r"(?:is|are|would be|must be|remains|has to be|should be|will be|stands out as)"
_HOW = r"(?: (?:clearly|therefore|thus|likely|probably|indeed|then|by far|definitely|both|all))?"
_GOOD = (
    r"(?:only|single|most \w+|best|better|correct|right|strongest|final|logical|likely|likeliest|"
    r"closest)"
)
_UNLESS = r"(?! (?:if|only if|when|unless|many|most|some|people|one|\?)|\?)"
_THE_ANSWER = (
    rf" (?:the|our|my|an?) (?!only other)(?:(?:{_GOOD}(?:,| and)? ?)+(?:answers?|choice|option|"
    rf"one|fit|match|candidate|selection|response|statement)?|answer)\b{_UNLESS}"
)
_RIGHT = rf" (?:correct|right|best|true|most \w+|it)\b{_UNLESS}"
_CALLS = tuple(
    re.compile(_BEHIND + pattern, re.I)
    for pattern in (
        f"{_SURE}{_HOW}{_THE_ANSWER}",
        rf"(?:{_SURE}{_HOW}{_RIGHT}|it is\b|fits best\b|wins\b|(?:makes|fits|works)(?: the)? "
        rf"(?:most|best)\b|is what we (?:want|need)\b|is meant\b)",
        rf"(?:seems|appears|looks|sounds)(?: to be)?(?: like)?{_HOW}(?:{_THE_ANSWER}|{_RIGHT})",
    )
)
"""From the plainest to the most cautious."""


_UNDER = re.compile(
    r"\b(?:not|nor|neither|if|than|either|whether)\b(?: option| choice)?[\s(\[\"']*\Z", re.I
)


def _called(document: Document, options: Options) -> Stated | None:
    """Such as "Option A is the best choice", else "A is correct", said of one option only."""
    for pattern in _CALLS:
        found = {
            mention.option: (mentions, number)
            for place, mentions in enumerate(document.mentions)
            for number, mention in enumerate(mentions)
            if mention.kind >= TEXT
            and pattern.match(document.text, mention.end)
            and not CASE.match(document.text, document.segments[place].content, mention.start)
            and not _UNDER.search(document.text, max(0, mention.start - 24), mention.start)
        }
        if len(found) == 1:
            mentions, number = found.popitem()[1]
            return Stated(_together(document, mentions, number), "called")
        if found:
            return None
    return None


def _together(document: Document, mentions: list[Mention], number: int) -> tuple[int, ...]:
    """The option with those that "and" joins to it, of which the same is said."""
    found = [mentions[number].option]
    while number and mentions[number - 1].kind >= TEXT:
        gap = document.text[mentions[number - 1].end : mentions[number].start]
        if not JOINED.fullmatch(gap):
            break
        number -= 1
        if mentions[number].option not in found:
            found.append(mentions[number].option)
    return tuple(sorted(found))


TICKS = "\u2705\u2713\u2714\u2611"
CROSSES = "\u274c\u2717\u2718\u2715\u2716"
_YES = word_set("yes correct true right accept accepted keep")
_NO = word_set("no not incorrect false wrong reject rejected drop eliminate eliminated out")


def _verdicts(document: Document, options: Options) -> Stated | None:
    """Such as "A: no. B: yes. C: no.": the only yes, where several options have a verdict."""
    said = dict(verdicts_of(document))
    right = tuple(option for option, good in said.items() if good)
    if len(said) < 2:
        return None
    return Stated(right, "verdicts") if len(right) == 1 else None


def verdicts_of(document: Document) -> Iterator[tuple[int, bool]]:
    """Each option with a word or sign on its line that pronounces it right or wrong."""
    current: int | None = None
    for index, segment in enumerate(document.segments):
        mentions = [mention for mention in document.mentions[index] if mention.kind >= TEXT]
        first, stop = document.bounds[index]
        if len(mentions) > 1 and mentions[0].kind >= LABEL and segment.kind != "row":
            ends = [*(mention.first for mention in mentions[1:]), stop]
            for mention, end in zip(mentions, ends, strict=True):
                good = _pronounces(document.words[mention.stop : min(end, mention.stop + 2)], "")
                if good is not None:
                    yield mention.option, good
        if mentions:
            close = mentions[0].first <= first + 2 or segment.kind in ("row", "item", "field")
            current = mentions[0].option if close else None
            first = mentions[0].stop
        if current is None or (len(mentions) > 1 and segment.kind == "sentence"):
            continue
        begin = document.text.rfind("\n", 0, segment.start) + 1 if segment.opens else segment.start
        words = document.words[first : stop if segment.kind == "row" else first + 2]
        good = _pronounces(words, document.text[begin : segment.end])
        if good is not None:
            yield current, good


def _pronounces(words: list[str], line: str) -> bool | None:
    """The verdict of a few words, or of a tick or a cross on a line; None for none."""
    first = next((word in _YES for word in words if word in _YES or word in _NO), None)
    if first is not None:
        return first
    wrong, right = (any(sign in line for sign in signs) for signs in (CROSSES, TICKS))
    return None if wrong == right else right


_TRAILING = re.compile(r"(?:<\|?/?[\w ]{1,20}\|?>|[\s*_#>~])+\Z")
_ENDS = re.compile(
    r"[.!?\u2026\u3002\"'\u201d\u2019)\]}`$|%\u00b0\u2600-\u27bf\U0001f300-\U0001faff]\Z"
)
_UNSTOPPED = re.compile(r"[^\W_]\Z")
_OPENED = re.compile(r"(?:\A|[\s(\[{])[\"']\Z")
_LATEX = re.compile(r"[\\^_]")
TAIL, LINES = 200, 2000
"""Characters at the end for the end of a sentence, and for other lines."""
REPEATS = 3
"""Times in a row that one sentence stands at the end where a model has lost itself."""


def breaks_off(document: Document) -> bool:
    """The text stops in the middle of a sentence or a formula, or goes round in circles."""
    text, tail = document.text, document.text[-TAIL:]
    last = document.segments[-REPEATS:]
    if len(last) == REPEATS and len({text[s.content : s.end] for s in last}) == 1:
        return True
    trailing = _TRAILING.search(tail)
    end = tail[: trailing.start()] if trailing else tail
    if not end or _ENDS.search(end):
        formula = text.count("$") % 2 == 1 and _LATEX.search(text, text.rfind("$"))
        return bool(_OPENED.search(end) or formula)
    lines = [line.rstrip(" *_`|") for line in text[-LINES:].split("\n") if line.strip()][:-1]
    bare = sum(_UNSTOPPED.search(line) is not None for line in lines)
    return not _UNSTOPPED.search(end) or bare < 2 or bare * 2 < len(lines)


def _left_over(document: Document, options: Options) -> Stated | None:
    """The only line of a list that denies nothing, or the only one in bold."""
    denied: dict[int, bool] = {}
    bold: set[int] = set()
    current: int | None = None
    for index, segment in enumerate(document.segments):
        opened = leader(document, index)
        if opened is not None:
            current = opened
            denied.setdefault(current, False)
            behind = document.raw[document.mentions[index][0].start - 4 : segment.end]
            if "**" in behind.strip()[:5] or "**yes" in behind.lower():
                bold.add(current)
        elif segment.opens:
            current = None
        if current is not None and DENY.search(document.text, segment.content, segment.end):
            denied[current] = True
    if len(denied) < max(3, len(options.texts)) or breaks_off(document):
        return None
    left = [option for option, is_denied in denied.items() if not is_denied]
    if len(left) == 1:
        return Stated((left[0],), "asserted")
    return Stated((bold.pop(),), "asserted") if len(bold) == 1 else None


ENOUGH = 3
"""Points that make an assertion an answer."""


def _asserted(document: Document, options: Options) -> Stated | None:
    """The sentence that most plainly asserts one option in the question's own terms."""
    if breaks_off(document) or declines(document.text):
        return None
    best, answer = ENOUGH - 1, None
    last = len(document.segments) - 1
    begin = next((index for index, found in enumerate(document.mentions) if found), 0)
    for index, segment in enumerate(document.segments):
        sure = [m for m in document.mentions[index] if m.kind >= TEXT]
        own = sure or document.mentions[index]
        if not own or any(m.option != own[0].option for m in own):
            continue
        option = own[0].option
        text = document.text
        around = text[segment.content : own[0].start] + " # " + text[own[-1].end : segment.end]
        if text[segment.end - 1] == "?" or DENY.search(around):
            continue
        place = own[0].start - segment.content
        if _SUPPOSES.search(around[max(0, place - 40) : place + 16]):
            continue
        if leader(document, index) is not None and (
            begins_list(document, option, index) or goes_on(document, option, index)
        ):
            continue
        points = _points(document, options, index, bool(sure), (begin, last))
        if points > best:
            best, answer = points, option
    return None if answer is None else Stated((answer,), "asserted")


def _points(
    document: Document, options: Options, index: int, sure: bool, ends: tuple[int, int]
) -> int:
    """How plainly a sentence asserts the one option that it names."""
    segment, (first, stop) = document.segments[index], document.bounds[index]
    mentions = document.mentions[index]
    stems = set(document.stems[first:stop])
    shared = len(options.focus & stems) / len(options.focus) if options.focus else 0.0
    # Label and text side by side: "It has gone mouldy (C)."
    kinds = {mention.kind for mention in mentions}
    paired = any(m.kind >= LABEL and m.stop - m.first > 1 for m in mentions) or (
        len(kinds) > 1 and max(kinds) >= LABEL
    )
    bold = any("**" in document.raw[max(0, m.start - 4) : m.start] for m in mentions)
    leads = index == ends[0] and mentions[0].first <= first + 2
    closes = index == ends[1] and segment.kind == "sentence"
    concludes = _CONCLUDES.match(document.text, segment.content, segment.end) is not None
    return (
        2 * paired
        + (shared >= 0.3)
        + (shared >= 0.6)
        + sure
        + bold
        + (index == ends[0])
        + leads
        + closes
        + concludes
    )


_WAYS: tuple[Callable[[Document, Options], Stated | None], ...] = (
    _field,
    _declared,
    _opening,
    _called,
    _verdicts,
    _hinted,
    _left_over,
    _asserted,
)
