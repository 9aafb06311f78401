"""Question + condition + order -> Prompt: labels, layout, worked examples, messages and plain text.

Letters are made here and nowhere else. A rationale, of a few-shot prompt or of the trainer, is put
together from an example's parts under whatever labels are shown, and ends with the one closing
sentence of the project. Knows the layout and nothing of models.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Literal

from pydantic import Field

from starprobe.probes.conditions import (
    ALPHABETS,
    Condition,
    RationaleStyle,
    get_condition,
    get_conditions,
)
from starprobe.probes.errors import InputError
from starprobe.probes.formats import DATA, read_toml
from starprobe.probes.schema import Message, Option, ProbeSet, Prompt, Question, Record, ShownOption


def arrange(
    question: Question, order: int = 0, shuffle_seed: int | None = None
) -> tuple[Option, ...]:
    """The options in the order-th rotation, or in the order-th shuffle of a seed.

    Order 0 is file order in both; the shuffles of one seed differ from each other.
    """
    options = question.options
    if not options or order == 0:
        return options
    if shuffle_seed is None:
        start = order % len(options)
        return options[start:] + options[:start]
    if order >= math.factorial(len(options)):
        raise InputError(f"question {question.id!r} has no {order + 1} different orders")
    return _shuffles(question, order, shuffle_seed)


def _shuffles(question: Question, order: int, seed: int) -> tuple[Option, ...]:
    rng = random.Random(f"{seed}|{question.id}")
    seen = {question.options}
    while True:
        drawn = list(question.options)
        rng.shuffle(drawn)
        if tuple(drawn) not in seen:
            seen.add(tuple(drawn))
            if len(seen) == order + 1:
                return tuple(drawn)


def orders_of(question: Question, shuffle_seed: int | None = None) -> int:
    """How many different orders there are: rotations, or all permutations where shuffled."""
    count = max(len(question.options), 1)
    return count if shuffle_seed is None else math.factorial(count)


STOP = ("\n\nQuestion:", "\nQuestion:")
"""Where a base model that goes on with a question of its own is to be stopped."""
SHOTS = 4
"""Worked examples in a few-shot prompt."""
_LEANS_ON_OPTIONS = re.compile(
    r"\b(of (these|the following|the options|the answers)|the following|these (options|answers|"
    r"statements|sentences)|which (option|answer|statement|sentence))\b",
    re.IGNORECASE,
)


def render(
    question: Question,
    condition: Condition | str,
    order: int = 0,
    *,
    shuffle_seed: int | None = None,
    shots: int = SHOTS,
) -> Prompt:
    """The prompt for one question under one condition in one option order.

    Its id is `QUESTION|CONDITION|ORDER`, and ORDER is followed by `sSEED` where shuffled. The text
    ends where the response begins, with no space: a base model's response starts with one.

    Args:
        question: the question.
        condition: a condition or its name.
        order: which rotation of the options: order k starts with option k; 0 is file order.
        shuffle_seed: the k-th of seeded shuffles instead of the k-th rotation.
        shots: how many worked examples a few-shot condition shows.

    Raises:
        InputError: where the condition does not apply to the question; `inapplicable` says why.
    """
    condition = get_condition(condition)
    reason = inapplicable(question, condition, order, shuffle_seed)
    if reason:
        raise InputError(f"question {question.id!r}, condition {condition.name!r}: {reason}")
    options = arrange(question, order, shuffle_seed) if condition.options else ()
    alphabet = ALPHABETS[condition.labels]
    shown = tuple(
        ShownOption(label=label, option_id=option.id, text=option.text)
        for label, option in zip(alphabet, options, strict=False)
    )
    hinted = hinted_option(question, condition, options)
    turn = str(order) if shuffle_seed is None else f"{order}s{shuffle_seed}"
    blocks = _blocks(question, condition, shown, hinted)
    examples = list(_examples(question, condition, shots))
    earlier = _told(condition.earlier, hinted, shown)
    return Prompt(
        id=f"{question.id}|{condition.name}|{turn}",
        question_id=question.id,
        condition=condition.name,
        order=order,
        stem=_stem(question, condition),
        shown=shown,
        answer_id=question.answer_id,
        hinted_id=hinted.id if hinted else None,
        tempting_id=_id_of(question.marked("tempting")) if shown else None,
        preferred_id=_id_of(question.marked("preferred")) if shown else None,
        lacks=question.metadata["topic"]
        if question.metadata.get("unanswerable") is True and question.metadata.get("topic") in LACKS
        else None,
        accepted=() if shown else accepted_texts(question),
        refused=() if shown else refused_texts(question),
        asks=condition.asks,
        twin=condition.twin,
        messages=_messages(condition, examples, blocks, earlier),
        text=_text(condition, examples, blocks, earlier),
    )


LACKS = ("missing", "false_premise", "unknowable")
"""Topics of questions without a right option: why there is none."""


def _id_of(option: Option | None) -> str | None:
    return option.id if option else None


def accepted_texts(question: Question) -> tuple[str, ...]:
    """What is a right answer to a question without options: the key's text, and `aliases`."""
    found = [question.option(question.answer_id).text] if question.answer_id is not None else []
    if question.answer_text is not None:
        found.append(question.answer_text.rpartition("####")[2].strip())
    stored = question.metadata.get("aliases")
    return (*found, *map(str, stored)) if found and isinstance(stored, list) else tuple(found)


def refused_texts(question: Question) -> tuple[str, ...]:
    """The options that are wrong, where one is right."""
    if question.answer_id is None:
        return ()
    return tuple(one.text for one in question.options if one.id != question.answer_id)


def render_set(
    probe_set: ProbeSet,
    conditions: Sequence[str | Condition],
    orders: int = 1,
    *,
    shuffle_seed: int | None = None,
) -> list[Prompt]:
    """Prompts for every question, condition and order; what does not apply is left out.

    A question has no more rotations than options, and one order where no options are shown.
    `left_out` counts the pairs of question and condition that were left out.

    Raises:
        InputError: for an unknown condition, or orders below 1.
    """
    if orders < 1:
        raise InputError(f"orders must be at least 1, not {orders}")
    return [
        render(question, condition, order, shuffle_seed=shuffle_seed)
        for condition in get_conditions(conditions)
        for question in probe_set.questions
        for order in range(min(orders, orders_of(question, shuffle_seed)))
        if (order == 0 or condition.options)
        and not inapplicable(question, condition, order, shuffle_seed)
    ]


def left_out(
    probe_set: ProbeSet, conditions: Sequence[str | Condition]
) -> dict[tuple[str, str], int]:
    """(condition, reason) -> how many questions the condition does not apply to, and why."""
    counts: dict[tuple[str, str], int] = {}
    for condition in get_conditions(conditions):
        for question in probe_set.questions:
            reason = inapplicable(question, condition)
            if reason:
                key = (condition.name, reason)
                counts[key] = counts.get(key, 0) + 1
    return counts


def inapplicable(
    question: Question, condition: Condition, order: int = 0, shuffle_seed: int | None = None
) -> str | None:
    """Why this condition cannot be asked of this question in this order; None where it can."""
    if len(question.options) > len(ALPHABETS[condition.labels]):
        return f"it has more options than labels ({len(question.options)})"
    if condition.hinted and not question.options:
        return "there are no options to hint at"
    known = question.answer_id is not None or question.marked("preferred") is not None
    if condition.hinted and condition.hint_on == "answer" and not known:
        return "there is no known right option to hint at"
    first = arrange(question, order, shuffle_seed)[0].id if condition.hint_on == "first" else None
    if first is not None and first == question.answer_id:
        return "its right option stands first"
    if condition.paraphrase > len(_paraphrases(question)):
        return f"it has no wording {condition.paraphrase} of its stem"
    if not condition.options and not _stands_alone(question):
        return "its stem leans on its options"
    return None


def hinted_option(
    question: Question, condition: Condition, options: Sequence[Option] = ()
) -> Option | None:
    """The option that the condition presents as right; a wrong one is the tempting one, if any.

    The same in every order, but where it is the one that stands first in `options` as shown.
    """
    if not condition.hinted:
        return None
    if condition.hint_on == "first":
        return (options or question.options)[0]
    right = question.marked("preferred")
    if question.answer_id is not None:
        right = question.option(question.answer_id)
    if condition.hint_on == "answer" and right is not None:
        return right
    tempting = question.marked("tempting")
    if tempting is not None and tempting != right:
        return tempting
    wrong = [option for option in question.options if option != right]
    digest = hashlib.sha256(question.id.encode()).digest()
    return wrong[int.from_bytes(digest[:8], "big") % len(wrong)]


def _paraphrases(question: Question) -> list[str]:
    stored = question.metadata.get("paraphrases")
    return [str(text) for text in stored] if isinstance(stored, list) else []


def _stem(question: Question, condition: Condition) -> str:
    if condition.paraphrase:
        return _paraphrases(question)[condition.paraphrase - 1]
    return question.stem


def _stands_alone(question: Question) -> bool:
    stated = question.metadata.get("open")
    if isinstance(stated, bool):
        return stated
    return not _LEANS_ON_OPTIONS.search(question.stem)


Blocks = tuple[str, ...]
"""What is asked: stem, options, hint and instruction; the empty ones left out."""
Worked = tuple[Blocks, str]
"""A request and its worked answer."""


def _blocks(
    question: Question,
    condition: Condition,
    shown: tuple[ShownOption, ...],
    hinted: Option | None = None,
) -> Blocks:
    lines = "\n".join(
        f"({option.label}) {option.text}"
        + (condition.mark if hinted and option.option_id == hinted.id else "")
        for option in shown
    )
    hint = _told(condition.hint, hinted, shown)
    blocks = (_stem(question, condition), lines, hint, condition.instruction.strip())
    return tuple(block for block in blocks if block)


def _told(template: str, hinted: Option | None, shown: Sequence[ShownOption]) -> str:
    """What a template says of the hinted option; nothing where there is none."""
    if not (template and hinted):
        return ""
    label = next((one.label for one in shown if one.option_id == hinted.id), "")
    return template.format(label=label, text=hinted.text).strip()


def _messages(
    condition: Condition, examples: Sequence[Worked], blocks: Blocks, earlier: str
) -> tuple[Message, ...]:
    asked = "\n\n".join(blocks)
    turns: list[tuple[Literal["system", "user", "assistant"], str]] = []
    if condition.system:
        turns.append(("system", condition.system.strip()))
    for shown, answer in examples:
        turns += [("user", "\n\n".join(shown)), ("assistant", answer)]
    turns.append(("user", asked))
    if earlier:
        turns += [("assistant", earlier), ("user", f"{condition.again}\n\n{asked}")]
    return tuple(Message(role=role, content=content) for role, content in turns)


def _text(condition: Condition, examples: Sequence[Worked], blocks: Blocks, earlier: str) -> str:
    parts = [condition.system.strip()] if condition.system else []
    parts += [_asked(shown, "Answer: " + answer) for shown, answer in examples]
    if earlier:
        parts += [_asked(blocks, "Answer: " + earlier), condition.again]
    return "\n\n".join([*parts, _asked(blocks, condition.cue)])


def _asked(blocks: Blocks, end: str) -> str:
    return "\n".join(["Question: " + blocks[0], *blocks[1:], end])


def _examples(question: Question, condition: Condition, shots: int) -> Iterator[Worked]:
    """The worked examples that come first.

    A mark stands on the right option of each example, whichever is marked in the question asked:
    so do the paper's, and visual patterns. A hint in a sentence, an instruction and a paraphrase
    concern the asked question alone. Where the first option is hinted at, the right one of each
    example is shown first.
    """
    if condition.few_shot is None:
        return
    bare = Condition(
        name="", mark=condition.mark, labels=condition.labels, options=condition.options
    )
    with_options = condition.options and bool(question.options)
    for example in worked_examples(domain_of(question), shots):
        asked = example.as_question()
        right = asked.option(str(asked.answer_id))
        options = list(asked.options)
        if condition.hint_on == "first":
            options.sort(key=lambda option, right=right: option != right)  # type: ignore[misc]
        labels = ALPHABETS[condition.labels] if with_options else ()
        shown = tuple(
            ShownOption(label=label, option_id=option.id, text=option.text)
            for label, option in zip(labels, options, strict=False)
        )
        by_id = {option.option_id: option.label for option in shown}
        blocks = _blocks(asked, bare, shown, right if condition.mark else None)
        yield blocks, rationale(example, condition.few_shot, by_id)


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
    return tuple(example for example in _stored_examples() if example.domain == domain)[:count]


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
def _stored_examples() -> Sequence[WorkedExample]:
    tables = read_toml(DATA / "worked_examples.toml")
    return tuple(WorkedExample(**row) for row in tables["example"])
