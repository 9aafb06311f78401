"""Lint of a question set: what would let a model answer, or be misjudged, for the wrong reason.

Takes questions and gives findings; knows nothing of files.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from starprobe.probes.schema import Question, Record
from starprobe.probes.similarity import normalise, overlap_within

FindingKind = Literal[
    "duplicate_id", "equal_stems", "near_stems", "equal_options", "no_answer", "positions", "length"
]
SIGNIFICANT = 0.01
"""A bias of a whole set counts from this p value on; each set is tested a handful of times."""
_LONGER = 1.6
_EXTRA = 8
"""An answer gives itself away where it is this many times as long as any other, and this many
characters longer (or as much shorter)."""


class Finding(Record):
    """One thing that is wrong with a set."""

    kind: FindingKind
    questions: tuple[str, ...]
    """Ids concerned; empty where it is the whole set."""
    message: str


def check_questions(questions: Sequence[Question]) -> list[Finding]:
    """Everything that is wrong with these questions, worst kinds first; empty where all is well.

    A question may say `"unanswerable": true`: then it need not, and must not, have an answer.
    """
    checks: tuple[Callable[[Sequence[Question]], Iterator[Finding]], ...] = (
        _duplicate_ids,
        _similar_stems,
        _equal_options,
        _answers,
        _positions,
        _lengths,
        _length_bias,
    )
    return [finding for check in checks for finding in check(questions)]


def _duplicate_ids(questions: Sequence[Question]) -> Iterator[Finding]:
    for name, count in Counter(question.id for question in questions).items():
        if count > 1:
            message = f"the id {name!r} stands {count} times"
            yield Finding(kind="duplicate_id", questions=(name,), message=message)


def _similar_stems(questions: Sequence[Question]) -> Iterator[Finding]:
    for match in overlap_within(questions):
        if match.kind == "exact":
            message = f"{match.a!r} and {match.b!r} ask the same"
            yield Finding(kind="equal_stems", questions=(match.a, match.b), message=message)
        else:
            message = f"{match.a!r} and {match.b!r} ask nearly the same ({match.similarity:.2f})"
            yield Finding(kind="near_stems", questions=(match.a, match.b), message=message)


def _equal_options(questions: Sequence[Question]) -> Iterator[Finding]:
    for question in questions:
        texts = Counter(normalise(option.text) or option.text for option in question.options)
        for text, count in texts.items():
            if count > 1:
                message = f"{question.id!r} offers {text!r} {count} times"
                yield Finding(kind="equal_options", questions=(question.id,), message=message)


def _answers(questions: Sequence[Question]) -> Iterator[Finding]:
    for question in questions:
        answered = question.answer_id is not None or question.answer_text is not None
        unanswerable = question.metadata.get("unanswerable") is True
        if answered == unanswerable:
            what = "has an answer and says it has none" if answered else "has no answer"
            message = f"{question.id!r} {what}"
            yield Finding(kind="no_answer", questions=(question.id,), message=message)


def _positions(questions: Sequence[Question]) -> Iterator[Finding]:
    """Right answers that favour a place, by a chi-square test for each number of options."""
    from scipy.stats import chisquare

    for size, group in _by_size(questions).items():
        if len(group) < 5 * size:
            continue
        places = Counter(_place(question) for question in group)
        counts = [places[place] for place in range(size)]
        p_value = float(chisquare(counts).pvalue)
        if p_value < SIGNIFICANT:
            message = (
                f"among {len(group)} questions with {size} options the right answer stands"
                f" {', '.join(map(str, counts))} times in place 1 to {size} (p = {p_value:.2g})"
            )
            yield Finding(kind="positions", questions=(), message=message)


def _lengths(questions: Sequence[Question]) -> Iterator[Finding]:
    for question in questions:
        if question.answer_id is None or _numeric(question):
            continue
        right = len(question.option(question.answer_id).text)
        others = [len(one.text) for one in question.options if one.id != question.answer_id]
        longer = right >= max(others) * _LONGER and right >= max(others) + _EXTRA
        shorter = right * _LONGER <= min(others) and right + _EXTRA <= min(others)
        if longer or shorter:
            message = (
                f"{question.id!r}: the right option has {right} characters, the others"
                f" {min(others)} to {max(others)}"
            )
            yield Finding(kind="length", questions=(question.id,), message=message)


def _length_bias(questions: Sequence[Question]) -> Iterator[Finding]:
    """Right answers that are the longest, or the shortest, too often, by a binomial test."""
    from scipy.stats import binomtest

    for size, group in _by_size(questions).items():
        for word, extreme in (("longest", max), ("shortest", min)):
            clear = [pair for question in group if (pair := _extreme(question, extreme))]
            hits = sum(found == question.answer_id for question, found in clear)
            if len(clear) < 5 * size:
                continue
            p_value = float(binomtest(hits, len(clear), 1 / size, alternative="greater").pvalue)
            if p_value < SIGNIFICANT:
                message = (
                    f"the right option is the {word} in {hits} of {len(clear)} questions that have"
                    f" one {word} of {size} options (p = {p_value:.2g})"
                )
                yield Finding(kind="length", questions=(), message=message)


def _extreme(
    question: Question, extreme: Callable[[list[int]], int]
) -> tuple[Question, str] | None:
    """The question and its one longest (shortest) option; None where several are."""
    lengths = [len(option.text) for option in question.options]
    wanted = extreme(lengths)
    if lengths.count(wanted) > 1 or _numeric(question):
        return None
    return question, question.options[lengths.index(wanted)].id


def _by_size(questions: Sequence[Question]) -> dict[int, list[Question]]:
    groups: dict[int, list[Question]] = defaultdict(list)
    for question in questions:
        if question.answer_id is not None:
            groups[len(question.options)].append(question)
    return groups


def _place(question: Question) -> int:
    return [option.id for option in question.options].index(str(question.answer_id))


def _numeric(question: Question) -> bool:
    return not any(char.isalpha() for option in question.options for char in option.text)
