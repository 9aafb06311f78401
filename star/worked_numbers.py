"""Worked answers of number questions in the very wording of the examples in data/numbers.toml.

The supervised control is to differ from STaR in who wrote the rationale and in nothing else; so its
templates say of any question what the worked examples say of theirs.
"""

from __future__ import annotations

from typing import NamedTuple

from starprobe.probes.schema import Question
from starprobe.probes.worked_examples import WorkedExample


class _Words(NamedTuple):
    working: str
    digit: str
    """Which digit the reasons tell."""
    paper: str
    free: str


def worked_like_examples(question: Question) -> WorkedExample:
    """The worked answer of a numbers question in every rationale style.

    Raises:
        KeyError: for a question that `probes.number_kinds` did not make.
    """
    operands, kind = tuple(question.metadata["operands"]), str(question.metadata["kind"])
    texts = tuple(option.text for option in question.options)
    answer = question.option(str(question.answer_id)).text
    words = _words(kind, operands, texts, answer)
    place = 0 if words.digit == "first" else -1
    return WorkedExample(
        id=question.id,
        domain="numbers",
        question=question.stem,
        options=texts,
        answer=answer,
        working=words.working,
        reasons=tuple(f"the {words.digit} digit is {text[place]}." for text in texts),
        paper=words.paper,
        free=words.free,
    )


def _words(kind: str, operands: tuple[int, ...], texts: tuple[str, ...], answer: str) -> _Words:
    if kind == "largest":
        first, second, third = [text for text in texts if text != answer]
        return _Words(
            f"The largest of them is {answer}.",
            "first",
            f"{answer} is more than {first}, {second} and {third}.",
            "The numbers are compared digit by digit, from the left.",
        )
    if kind == "divisible":
        divisor = operands[0]
        return _Words(
            f"{divisor} divides {answer}.",
            "last",
            f"{answer} ends in {answer[-1]}, so {divisor} divides it.",
            f"A number is divisible by {divisor} when nothing is left over.",
        )
    if kind == "sum":
        done = f"{' + '.join(str(one) for one in operands)} = {answer}."
        return _Words(done, "last", done, "The ones are added first, then the tens.")
    before, after, last = operands[0], operands[1], operands[-1]
    step = int(answer) - last
    sign = "+" if step > 0 else "-"
    done = f"{after} - {before} = {after - before}, and {last} {sign} {abs(step)} = {answer}."
    free = "Each number follows from the one before in the same way, and so does the next."
    return _Words(done, "last", f"The step is {done}", free)
