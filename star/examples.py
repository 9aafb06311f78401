"""Kept samples -> training rows, and training rows -> token ids: the prompt exactly as asked.

A trained row begins with the very string that the model is asked with later; the space between
prompt and answer belongs to the answer. The hint of a rationalization is gone: the row is built
from the question anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from starprobe.bench.models.base import Backend
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt, Question
from starprobe.probes.worked_examples import closing
from starprobe.star.config import StarConfig
from starprobe.star.numeric import key_number
from starprobe.star.prompts import order_of, training_prompt
from starprobe.star.records import Sample, TrainRow

Render = Callable[[Prompt], str]


class Encoded(NamedTuple):
    """A row as token ids; the labels of the prompt are -100."""

    input_ids: list[int]
    labels: list[int]


def renderer(backend: Backend) -> Render:
    """How this backend turns a prompt into the string that the model sees.

    Raises:
        InputError: the backend does not say.
    """
    render = getattr(backend, "render", None)
    if render is None:
        raise InputError(f"{backend.info().name} does not show its prompts as text; train with hf:")
    made: Render = render
    return made


def completion(prompt: str, text: str) -> str:
    """The answer with one leading space where the prompt ends without one."""
    text = text.strip()
    return text if prompt[-1:].isspace() else f" {text}"


def train_rows(
    kept: Sequence[Sample],
    questions: Mapping[str, Question],
    config: StarConfig,
    render: Render,
    rejected: Mapping[str, str] | None = None,
) -> list[TrainRow]:
    """A row for each kept sample; `rejected` gives the wrong answer paired with a sample id."""
    rows = []
    for sample in kept:
        prompt = render(training_prompt(questions[sample.question_id], config, sample.order))
        worse = (rejected or {}).get(sample.id)
        rows.append(
            TrainRow(
                id=sample.id,
                question_id=sample.question_id,
                source=sample.source,
                prompt=prompt,
                completion=completion(prompt, sample.text),
                rejected=completion(prompt, worse) if worse is not None else None,
            )
        )
    return rows


def direct_rows(
    questions: Sequence[Question], config: StarConfig, render: Render
) -> list[TrainRow]:
    """The control: every question with the closing sentence of its answer, no rationale."""
    rows = []
    for index, question in enumerate(questions):
        prompt = training_prompt(question, config, order_of(question, config, index))
        text = render(prompt)
        rows.append(
            TrainRow(
                id=f"{question.id}#direct",
                question_id=question.id,
                source="sampled",
                prompt=text,
                completion=completion(text, answer_sentence(question, prompt)),
            )
        )
    return rows


def answer_sentence(question: Question, prompt: Prompt) -> str:
    """The closing sentence of the right answer as this prompt shows it."""
    if question.answer_id is None:
        return closing(None, key_number(question.answer_text or "") or "")
    return closing(prompt.label_of(question.answer_id), question.option(question.answer_id).text)


def encode(row: TrainRow, tokenizer: Any, text: str | None = None) -> Encoded:
    """Prompt and completion as they are tokenised when sampling, and the end-of-text token.

    The two are tokenised apart, so that no token spans the border: the prompt's tokens are those
    that generation starts from.
    """
    bos = tokenizer.bos_token
    special = not (bos and row.prompt.startswith(bos))
    head = list(tokenizer(row.prompt, add_special_tokens=special)["input_ids"])
    if special and head and head[-1] == tokenizer.eos_token_id:
        head = head[:-1]
    body = row.completion if text is None else text
    tail = list(tokenizer(body, add_special_tokens=False)["input_ids"])
    tail.append(tokenizer.eos_token_id)
    return Encoded(head + tail, [-100] * len(head) + tail)
