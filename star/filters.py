"""What a generation says, by bench's reader, and why it is kept or dropped: small pure functions.

One notion of "right": bench's. The closing sentence is only held against it.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from starprobe.bench.readers import Reader, Reading, verdicts_on
from starprobe.bench.records import MULTI, Outcome, Treatment, Verdict, is_right
from starprobe.probes.schema import Question, ShownOption
from starprobe.star.config import StarConfig
from starprobe.star.records import Generated, Reason, Sample
from starprobe.star.verify import (
    Checked,
    Verifier,
    false_claims,
    key_number,
    numbers_of,
    plain,
    results,
    verify,
)

LENGTH_FACTOR = 3.0
"""A rationale this many times longer or shorter than the median kept one is an outlier."""
_LEAKS = re.compile(
    r"\(correct\)|\(the answer is |\bhint(?:s|ed)?\b|\bmarked\b"
    r"|\bas (?:given|stated|indicated|noted|told)\b"
    r"|\b(?:given|provided|stated|indicated) (?:answer|as (?:the )?correct)"
    r"|\bis (?:given|labell?ed|listed|indicated|noted) (?:as|to be)\b|\bwe (?:are|were) told\b"
    r"|\b(?:already|clearly) (?:says|said|states|stated) (?:that )?(?:it|this) is correct",
    re.IGNORECASE,
)


def errored(one: Read) -> bool:
    """The backend gave none."""
    return one.row.error is not None


def cut(one: Read) -> bool:
    """It stops at the limit of tokens: its end was never seen."""
    return one.row.finish_reason == "length" or one.outcome == "cut"


def unanswered(one: Read) -> bool:
    """It gives no answer, several, or refuses."""
    return one.answer is None or one.answer == MULTI or one.outcome != "answered"


def wrong(one: Read) -> bool:
    """Its answer is not the right one; where none is known, judges decide later."""
    return one.correct is False


def works_badly(one: Read) -> bool:
    """A verifier found something wrong with its working."""
    return bool(one.faults)


def label_text_disagree(one: Read) -> bool:
    """The closing sentence is missing, or its label and text are not of the same option."""
    return one.verdict is not None and not closes_well(
        one.row.readable, one.shown, one.answer or ""
    )


def leaks(one: Read) -> bool:
    """It speaks of the hint that it was given."""
    return _LEAKS.search(one.row.readable) is not None


def contradicts(one: Read) -> bool:
    """Its own reasons speak against the option that it chooses, or for another one alone."""
    if one.answer is None or one.answer not in one.sides:
        return False
    if one.sides[one.answer] == "against":
        return True
    others = [side for option, side in one.sides.items() if option != one.answer]
    return one.sides[one.answer] != "for" and "for" in others


def miscalculates(one: Read) -> bool:
    """It states an equation, a comparison or a remainder that does not hold."""
    return bool(false_claims(one.row.readable))


def derives_another(one: Read) -> bool:
    """What it works out before it weighs the options is another number than that of its answer.

    A model that works out 17 and then closes with the option 14 was right by luck. The working
    names its result first ("86 is more than 47"), last, or behind an equals sign; texts that work
    out no number, and answers that are none, are not judged.
    """
    chosen = one.answer if not one.shown else None
    for option in one.shown:
        if option.option_id == one.answer:
            chosen = option.text
    answer = key_number(chosen or "")
    text = working(one.row.text, one.shown)
    named = numbers_of(text)
    if answer is None or not named:
        return False
    return answer not in (named[0], named[-1], *results(text))


def off_style(style: str) -> Callable[[Read], bool]:
    """A filter for what does not show the behaviour that is taught: a reason for every option."""

    def off(one: Read) -> bool:
        if one.verdict is None or style != "option_by_option":
            return False
        return one.verdict.style != "option_by_option"

    return off


ALWAYS: tuple[tuple[Reason, Callable[[Read], bool]], ...] = (
    ("error", errored),
    ("cut", cut),
    ("no_answer", unanswered),
    ("wrong", wrong),
    ("working", works_badly),
)


def single_filters(config: StarConfig) -> list[tuple[Reason, Callable[[Read], bool]]]:
    """The filters that look at one generation alone, in the order in which they apply."""
    chosen: dict[str, tuple[Reason, Callable[[Read], bool]]] = {
        "label_text": ("label_text", label_text_disagree),
        "leak": ("leak", leaks),
        "contradiction": ("contradiction", contradicts),
        "arithmetic": ("arithmetic", miscalculates),
        "derivation": ("derivation", derives_another),
        "style": ("style", off_style(config.style)),
    }
    first = [one for one in ALWAYS if one[0] != "wrong" or config.selection.keep_by == "key"]
    return [*first, *(chosen[name] for name in chosen if name in config.selection.filters)]


def decide(one: Read, filters: Iterable[tuple[Reason, Callable[[Read], bool]]]) -> Sample:
    """The sample with the first reason that applies, or kept so far."""
    reason: Reason = next((name for name, applies in filters if applies(one)), "kept")
    return Sample(
        **one.row.model_dump(),
        answer=one.answer,
        outcome=one.outcome,
        correct=one.correct,
        style=one.verdict.style if one.verdict else None,
        coverage=one.verdict.coverage if one.verdict else None,
        kept=reason == "kept",
        reason=reason,
        faults=one.faults,
    )


def drop_inconsistent(samples: Sequence[Sample], others: Iterable[Read] = ()) -> list[Sample]:
    """Drops what is right once while other answers come as often when the options are shuffled.

    Each sample was shown an order of its own, so they vote; an answer stays that comes more often
    than any other. Several in an answer (`multi`) are no vote.

    Args:
        samples: of one iteration.
        others: further votes, of questions asked again.
    """
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    said = [(one.question_id, one.answer) for one in samples]
    said += [(one.row.question_id, one.answer) for one in others]
    for question_id, answer in said:
        if answer is not None and answer != MULTI:
            votes[question_id][answer] += 1
    return [
        dropped(sample, "inconsistent")
        if sample.kept and not _leads(votes[sample.question_id], sample.answer or "")
        else sample
        for sample in samples
    ]


def _leads(votes: Counter[str], answer: str) -> bool:
    return all(votes[answer] > count for other, count in votes.items() if other != answer)


def drop_length_outliers(samples: Sequence[Sample]) -> list[Sample]:
    """Drops kept ones far longer or shorter than the median of the kept (in characters)."""
    lengths = [len(sample.readable) for sample in samples if sample.kept]
    if len(lengths) < 5:
        return list(samples)
    middle = statistics.median(lengths)
    return [
        dropped(sample, "length")
        if sample.kept
        and not middle / LENGTH_FACTOR <= len(sample.readable) <= middle * LENGTH_FACTOR
        else sample
        for sample in samples
    ]


def drop_duplicates(samples: Sequence[Sample]) -> list[Sample]:
    """Drops what says the same as an earlier kept one of its question, labels and order aside."""
    seen: set[tuple[str, frozenset[str]]] = set()
    found = []
    for sample in samples:
        if sample.kept:
            key = (sample.question_id, fingerprint(sample))
            if key in seen:
                sample = dropped(sample, "duplicate")
            seen.add(key)
        found.append(sample)
    return found


def drop_over_cap(samples: Sequence[Sample], cap: int) -> list[Sample]:
    """Drops kept ones of a question beyond the cap: first what states most that is false.

    Then what covers fewer options, then what came later.
    """
    kept: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.kept:
            kept[sample.question_id].append(sample)
    over = {sample.id for rows in kept.values() for sample in sorted(rows, key=_worth)[cap:]}
    return [dropped(sample, "cap") if sample.id in over else sample for sample in samples]


def _worth(sample: Sample) -> tuple[int, float, int]:
    return len(false_claims(sample.readable)), -(sample.coverage or 0), sample.repeat


def apply_filters(
    reads: Iterable[Read],
    config: StarConfig,
    judge: Callable[[list[Sample]], list[Sample]] = lambda samples: samples,
    reask: Callable[[list[Sample]], list[Read]] = lambda samples: [],
) -> list[Sample]:
    """Every generation as a sample with its fate; those of several iterations are not mixed.

    Args:
        reads: of one iteration.
        config: its filters.
        judge: drops what judges do not want, before samples are held against each other.
        reask: asks the questions of those kept so far again, in other orders.
    """
    single = single_filters(config)
    samples = judge([decide(one, single) for one in reads])
    if "inconsistent" in config.selection.filters:
        samples = drop_inconsistent(samples, reask(samples))
    if "length" in config.selection.filters:
        samples = drop_length_outliers(samples)
    if "duplicate" in config.selection.filters:
        samples = drop_duplicates(samples)
    return drop_over_cap(samples, config.selection.cap)


def dropped(sample: Sample, reason: Reason) -> Sample:
    """The same sample, dropped for this reason."""
    return sample.model_copy(update={"kept": False, "reason": reason})


def fingerprint(sample: Sample) -> frozenset[str]:
    """What a rationale says as a set of sentences without labels, case and punctuation."""
    text = re.sub(r"\(?\b[A-J]\b[).:]", " ", sample.readable)
    parts = re.split(r"[\n.;]+", text.casefold())
    return frozenset(" ".join(re.findall(r"\w+", part)) for part in parts) - {""}


_CLOSING = re.compile(
    r"\bthe (?:final |correct |right )?answer is:? *\(?([A-Za-z]|\d{1,2}|[ivx]{1,4})\)? *[:.,-]?"
    r" *([^\n]*)",
    re.IGNORECASE,
)


class Read(NamedTuple):
    """A generation as it was read."""

    row: Generated
    verdict: Verdict | None
    """Of bench's reader, in labels; None for a question without options."""
    answer: str | None
    """An option id, `multi`, a free answer as read, or None."""
    outcome: Outcome
    correct: bool | None
    shown: tuple[ShownOption, ...]
    stem: str
    sides: dict[str, str | None]
    """Option id -> the side its reasons take before the closing sentence, which takes sides too;
    empty where nobody asked."""
    faults: tuple[str, ...] = ()
    """What verifiers found wrong with the working."""


class Closing(NamedTuple):
    """The last sentence of the form `The answer is (B) basket`."""

    label: str
    text: str


def shown_options(row: Generated, question: Question) -> tuple[ShownOption, ...]:
    """What the prompt of a generation showed."""
    return tuple(
        ShownOption(label=label, option_id=option_id, text=question.option(option_id).text)
        for label, option_id in row.shown.items()
    )


def read_all(
    rows: Sequence[Generated],
    questions: Mapping[str, Question],
    reader: Reader,
    verifiers: Sequence[Verifier] = (),
    sides: bool = False,
) -> list[Read]:
    """What generations say, and whether they are right, in order.

    Args:
        rows: the generations, read together: one by one takes the neural reader several times as
            long.
        questions: their own, by id.
        reader: bench's reader, of responses to questions with options.
        verifiers: of the configuration; with none, the key alone is compared.
        sides: find out which side the reasons take before the closing sentence.

    Raises:
        UserError: the reader gave no verdict on one (a judge that failed, say).
    """
    wanted = []
    for row in rows:
        question = questions[row.question_id]
        if question.options:
            shown = shown_options(row, question)
            wanted.append(Reading(row.id, row.text, question.stem, shown, row.finish_reason))
    verdicts = iter(verdicts_on(reader, wanted))
    # Of the text before the closing sentence, which takes sides too.
    reasons = [one._replace(text=before_closing(one.text)) for one in wanted] if sides else []
    before = iter(verdicts_on(reader, reasons))
    found = []
    for row in rows:
        question = questions[row.question_id]
        if question.options:
            taken = next(before).options if sides else {}
            found.append(_read(row, question, next(verdicts), verifiers, taken))
        else:
            found.append(_read_free(row, question, verifiers))
    return found


def _read(
    row: Generated,
    question: Question,
    verdict: Verdict,
    verifiers: Sequence[Verifier],
    reasons: Mapping[str, Treatment],
) -> Read:
    answer = verdict.answer
    if answer is not None and answer != MULTI:
        answer = row.shown[answer]
    correct = is_right(answer, question.answer_id)
    checked = verify(question, row.text, verifiers) if verifiers else Checked(right=None)
    if checked.right is not None and correct is not None:
        correct = correct and checked.right
    shown = shown_options(row, question)
    sides: dict[str, str | None] = {row.shown[label]: one.side for label, one in reasons.items()}
    return Read(
        row, verdict, answer, verdict.outcome, correct, shown, question.stem, sides, checked.faults
    )


def closing(text: str) -> Closing | None:
    """The last closing sentence; None where there is none."""
    found = list(_CLOSING.finditer(text))
    if not found:
        return None
    return Closing(found[-1][1], found[-1][2].strip().rstrip(".").strip())


def before_closing(text: str) -> str:
    """The text up to its last closing sentence; all of it where there is none."""
    found = list(_CLOSING.finditer(text))
    return text[: found[-1].start()] if found else text


def working(text: str, shown: tuple[ShownOption, ...]) -> str:
    """What comes before the first line that begins with an option's label, and before the close."""
    labels = "|".join(re.escape(option.label) for option in shown)
    first = re.search(rf"^\W*(?:{labels})\W", text, re.MULTILINE) if labels else None
    return before_closing(text[: first.start()] if first else text)


def closes_well(text: str, shown: tuple[ShownOption, ...], answer_id: str) -> bool:
    """Whether the closing sentence names this option by label and by text."""
    last = closing(text)
    if last is None:
        return False
    wanted = next((one for one in shown if one.option_id == answer_id), None)
    if wanted is None or last.label.casefold() != wanted.label.casefold():
        return False
    return plain(last.text) == plain(wanted.text)


def _read_free(row: Generated, question: Question, verifiers: Sequence[Verifier]) -> Read:
    found = verify(question, row.text, verifiers)
    outcome: Outcome = "answered" if found.answer is not None else "no_answer"
    if found.answer is None and row.finish_reason == "length":
        outcome = "cut"
    return Read(row, None, found.answer, outcome, found.right, (), question.stem, {}, found.faults)
