"""Worked examples in each rationale style, for few-shot prompts and for the trainer.

A rationale is put together from an example's parts under whatever labels are shown, and ends with
the one closing sentence of the project. Knows nothing of prompts and models.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from starprobe.probes.conditions import RationaleStyle
from starprobe.probes.schema import Option, Question, Record

Domain = Literal["commonsense", "numbers"]
OPENER = "Let us look at each option."
"""Begins an option-by-option rationale that has nothing to work out first.

Without it a small base model starts with whatever label it would answer with, and leaves out those
before: of 24 few-shot responses of SmolLM2-135M none weighed every option, and 22 with it.
"""


class WorkedExample(Record):
    """A question with its answer and the parts of its rationales."""

    id: str
    domain: Domain
    question: str
    options: tuple[str, ...]
    answer: str
    """The text of the right option."""
    working: str = ""
    """What is worked out before the options are weighed, where there is something to work out."""
    reasons: tuple[str, ...] = Field(min_length=2)
    """One for each option, in their order: why it fails or fits."""
    paper: str
    """A short rationale for the chosen option alone."""
    free: str
    """General reasoning that names no option before the closing sentence."""

    def as_question(self) -> Question:
        """The same as a question, with options o1, o2, ... in file order."""
        options = tuple(
            Option(id=f"o{number}", text=text) for number, text in enumerate(self.options, 1)
        )
        answer = f"o{self.options.index(self.answer) + 1}"
        return Question(id=self.id, stem=self.question, options=options, answer_id=answer)


def closing(label: str | None, text: str) -> str:
    """The sentence that ends every rationale: `The answer is (B) basket.`, or without a label."""
    shown = text.rstrip(" .")
    return f"The answer is ({label}) {shown}." if label else f"The answer is {shown}."


def rationale(example: WorkedExample, style: RationaleStyle, labels: Mapping[str, str]) -> str:
    """The worked answer in one style, closing sentence included.

    Args:
        example: the example.
        style: which kind of rationale.
        labels: option id (`o1`, ...) -> label, in the order shown; empty where none are shown.
    """
    label = labels.get(f"o{example.options.index(example.answer) + 1}") if labels else None
    end = closing(label, example.answer)
    if style == "direct":
        return end
    if style == "option_by_option" and labels:
        return "\n".join([example.working or OPENER, *_weigh(example, labels), end])
    return f"{example.paper if style == 'paper' else example.free} {end}"


def _weigh(example: WorkedExample, labels: Mapping[str, str]) -> list[str]:
    by_id = {
        f"o{number}": (text, reason)
        for number, (text, reason) in enumerate(
            zip(example.options, example.reasons, strict=True), 1
        )
    }
    return [f"({label}) {by_id[key][0]}: {by_id[key][1]}" for key, label in labels.items()]


def worked_examples(domain: Domain, count: int | None = None) -> tuple[WorkedExample, ...]:
    """The examples of one domain in file order, the first `count` of them."""
    return tuple(example for example in _all() if example.domain == domain)[:count]


def domain_of(question: Question) -> Domain:
    """Which worked examples fit a question: by its `domain` field, else by what its options are."""
    stated = question.metadata.get("domain")
    if stated is not None:
        return "numbers" if stated == "numbers" else "commonsense"
    texts = [option.text for option in question.options] or [question.answer_text or ""]
    return "numbers" if all(_numeric(text) for text in texts) else "commonsense"


def _numeric(text: str) -> bool:
    return any(char.isdigit() for char in text) and not any(char.isalpha() for char in text)


@cache
def _all() -> Sequence[WorkedExample]:
    text = (
        files("starprobe.probes")
        .joinpath("data", "worked_examples.toml")
        .read_text(encoding="utf-8")
    )
    return tuple(WorkedExample(**row) for row in tomllib.loads(text)["example"])
