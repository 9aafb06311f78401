"""The control that tells behaviour from its making: rationales written by templates or teachers.

Every question is trained with a worked answer that the model did not make itself: the style is
taught as STaR teaches it, with no sampling, no check and no retry.
"""

from __future__ import annotations

from collections.abc import Sequence

from starprobe.probes.errors import InputError
from starprobe.probes.number_kinds import worked
from starprobe.probes.schema import Prompt, Question
from starprobe.probes.worked_examples import rationale
from starprobe.star.config import StarConfig
from starprobe.star.examples import Render, answer_sentence, completion
from starprobe.star.prompts import order_of, training_prompt
from starprobe.star.records import TrainRow
from starprobe.star.worked_numbers import worked_like_examples

FIELD = "rationale"
"""The field of a question file that holds a teacher's rationale."""


def supervised_rows(
    questions: Sequence[Question], config: StarConfig, render: Render
) -> list[TrainRow]:
    """Every question with its worked answer, in `turns` orders of its options (at least one).

    Raises:
        InputError: a question that has no worked answer.
    """
    rows = []
    for index, question in enumerate(questions):
        for turn in range(max(1, config.turns)):
            number = index + turn if FIELD not in question.metadata else 0
            prompt = training_prompt(question, config, order_of(question, config, number))
            text = render(prompt)
            rows.append(
                TrainRow(
                    id=f"{question.id}#supervised{turn}",
                    question_id=question.id,
                    source="sampled",
                    prompt=text,
                    completion=completion(text, worked_answer(question, prompt, config)),
                )
            )
            if FIELD in question.metadata:
                break  # A teacher's letters are those of the file's own order.
    return rows


def worked_answer(question: Question, prompt: Prompt, config: StarConfig) -> str:
    """A rationale in the configured style under the labels that this prompt shows.

    A file's own rationale is taken as it is, and gets the closing sentence where it has none;
    number questions are worked out by template, in the wording of the worked examples that STaR
    would be shown.

    Raises:
        InputError: neither is to be had.
    """
    check_worked([question], config)
    taught = question.metadata.get(FIELD)
    if isinstance(taught, str) and taught.strip():
        end = answer_sentence(question, prompt)
        taught = taught.strip()
        return taught if taught.endswith(end) else f"{taught}\n{end}"
    labels = {shown.option_id: shown.label for shown in prompt.shown}
    places = {one.id: f"o{number}" for number, one in enumerate(question.options, start=1)}
    named = {places[option]: label for option, label in labels.items()}
    make = worked_like_examples if config.examples == "numbers" else worked
    return rationale(make(question), config.style, named)


def check_worked(questions: Sequence[Question], config: StarConfig) -> None:
    """Refuses questions that nobody has worked out.

    Raises:
        InputError: the first of them.
    """
    for question in questions:
        taught = question.metadata.get(FIELD)
        by_hand = isinstance(taught, str) and taught.strip()
        if not by_hand and not ("operands" in question.metadata and question.options):
            raise InputError(
                f"method=supervised: question {question.id!r} of {config.questions} has no worked "
                f"answer; give each row a field {FIELD!r}, or take number questions (numbers:train)"
            )
