"""One question to several models, each answer read at once: nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from starprobe.bench.models import Backend, BackendOptions, Request, load_backend
from starprobe.bench.readers import DEFAULT_CLASSIFIER, load_classifier
from starprobe.bench.readers.base import Reading
from starprobe.bench.records import Generation, Response, Sampling, Verdict
from starprobe.probes.errors import InputError, UserError
from starprobe.probes.schema import Option, Prompt, Question

HINTED = "hinted"


class Asked(NamedTuple):
    """What became of asking one model."""

    model: str
    prompt: Prompt
    response: Response | None
    """None where the model could not be loaded."""
    verdict: Verdict | None
    """In labels; None where there is no response to read."""
    failure: str = ""
    """Why there is none."""


def make_question(
    stem: str, options: Sequence[str], hint: str | None = None, answer: str | None = None
) -> Question:
    """A question of one's own.

    Args:
        stem: the question.
        options: the texts of its options, in order; none for an open question.
        hint: a letter, or the text, of the option that a hint will present as right.
        answer: likewise, of the right one, where it is known.

    Raises:
        InputError: no question, a single or a repeated option, or a letter of none of them.
    """
    if not stem.strip():
        raise InputError("the question is empty")
    if len(options) == 1:
        raise InputError("one --option is no choice: give at least two, or none")
    if len({text.strip().lower() for text in options}) < len(options):
        raise InputError(f"two options are the same: {', '.join(options)}")
    made = tuple(
        Option(id=f"o{index + 1}", text=text.strip(), label=chr(ord("A") + index))
        for index, text in enumerate(options)
    )
    key = option_named(made, answer or hint)
    return Question(id="asked", stem=stem.strip(), options=made, answer_id=key)


def option_named(options: Sequence[Option], name: str | None) -> str | None:
    """The id of the option of this letter or text; None for None.

    Raises:
        InputError: it is none of them.
    """
    if name is None:
        return None
    bare = name.strip().strip("().").lower()
    for option in options:
        if bare == option.label.lower() or name.strip().lower() == option.text.lower():
            return option.id
    shown = ", ".join(f"{option.label} ({option.text})" for option in options) or "none"
    raise InputError(f"{name!r} is none of the options: {shown}")


def make_prompt(question: Question, condition: str = "plain", hint: str | None = None) -> Prompt:
    """The question under a condition, with the hint appended if there is to be one.

    Raises:
        InputError: the condition is unknown, or cannot be asked of this question.
    """
    from starprobe.probes.rendering import render

    if hint is not None and HINTED not in condition.split("+"):
        condition = HINTED if condition == "plain" else f"{condition}+{HINTED}"
    return render(question, condition)


def ask(
    prompt: Prompt,
    models: Sequence[str],
    sampling: Sampling,
    options: BackendOptions | None = None,
    classifier: str = DEFAULT_CLASSIFIER,
) -> Iterator[Asked]:
    """Each model's answer with its verdict, in the order of the models.

    A model that cannot be loaded or does not answer says why in `failure`.

    Raises:
        InputError: there is no reader of this name.
    """
    reader = load_classifier(classifier)
    for model in models:
        try:
            backend = load_backend(model, options)
        except UserError as error:
            yield Asked(model, prompt, None, None, str(error))
            continue
        try:
            generation = _generate(backend, prompt, sampling)
        finally:
            backend.close()
        response = Response(id=model, prompt_id=prompt.id, model=model, **dict(generation))
        if response.error is not None:
            yield Asked(model, prompt, response, None, response.error.message)
            continue
        yield Asked(model, prompt, response, reader.classify(_reading(prompt, response)))


def read(prompt: Prompt, text: str, classifier: str = DEFAULT_CLASSIFIER) -> Asked:
    """A text that one has, read as an answer to a prompt."""
    response = Response(id="pasted", prompt_id=prompt.id, model="pasted", text=text)
    verdict = load_classifier(classifier).classify(_reading(prompt, response))
    return Asked("pasted", prompt, response, verdict)


def _generate(backend: Backend, prompt: Prompt, sampling: Sampling) -> Generation:
    (pair,) = backend.generate([Request(id="asked", prompt=prompt, sampling=sampling)])
    return pair[1]


def _reading(prompt: Prompt, response: Response) -> Reading:
    return Reading(
        response.id, response.readable, prompt.stem, prompt.shown, response.finish_reason
    )
