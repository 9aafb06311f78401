"""What the model is asked while it teaches itself: sampling, rationalization and training prompts.

All are made by `probes.rendering`; here is only which condition, order, seed and worked examples
each one has. Examples are those of probes, or a TOML file with a table `[[example]]` each: the
fields of `probes.worked_examples.WorkedExample` and a `kind`, shown before questions of that kind.
"""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError, model_validator

from starprobe.bench.models.backend import Request
from starprobe.bench.models.thinking import whole
from starprobe.bench.records import Sampling
from starprobe.probes.conditions import Condition, get_condition
from starprobe.probes.errors import InputError
from starprobe.probes.rendering import (
    STOP,
    Domain,
    WorkedExample,
    arrange,
    domain_of,
    rationale,
    render,
    worked_examples,
)
from starprobe.probes.schema import Message, Prompt, Question
from starprobe.star.config import StarConfig
from starprobe.star.filters import before_closing
from starprobe.star.records import Generated, Sample, Source
from starprobe.star.verify import free_key

BUILT_IN = ("probes", "numbers", "word_problems")


class Exemplar(WorkedExample):
    """A worked example for questions of one kind."""

    domain: Domain = "numbers"
    kind: str = ""
    """Empty: for questions of any kind of its domain."""
    options: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Exemplar:
        if len(self.reasons) != len(self.options):
            raise ValueError(f"{len(self.options)} options and {len(self.reasons)} reasons")
        return self

    def as_question(self) -> Question:
        """The same as a question; the answer of one without options is its text."""
        if self.options:
            return super().as_question()
        return Question(id=self.id, stem=self.question, answer_text=self.answer)


def exemplars(name: str) -> tuple[WorkedExample, ...]:
    """The examples of this name: a built-in one, or a file.

    `probes` are those that the probes show too, and word problems for questions without options.

    Raises:
        InputError: no such file, or one that does not hold examples; names the field.
    """
    if name == "probes":
        with_options = worked_examples("commonsense") + worked_examples("numbers")
        return with_options + _load("word_problems")
    return _load(name)


@cache
def _load(name: str) -> tuple[WorkedExample, ...]:
    try:
        if name in BUILT_IN:
            text = (
                files("starprobe.star").joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
            )
        else:
            text = Path(name).read_text(encoding="utf-8")
        tables = tomllib.loads(text).get("example", [])
        found = tuple(Exemplar(**table) for table in tables)
        for one in found:
            one.as_question()
    except OSError as error:
        raise InputError(
            f"examples={name}: cannot be read ({error.strerror}); built in are "
            f"{', '.join(BUILT_IN)}"
        ) from None
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise InputError(f"examples={name}: {_reason(error)}") from None
    if not found:
        raise InputError(f"examples={name}: holds no [[example]]")
    return found


def shown_for(
    question: Question, examples: tuple[WorkedExample, ...], count: int
) -> tuple[WorkedExample, ...]:
    """The examples to show before a question: of its kind where there are any, else its domain.

    Those with options where it has some, those without where it has none, as far as there are any.
    """
    alike = [one for one in examples if bool(one.options) == bool(question.options)]
    examples = tuple(alike) or examples
    kind = question.metadata.get("kind")
    of_kind = [one for one in examples if kind and getattr(one, "kind", "") == kind]
    domain = domain_of(question)
    of_domain = [one for one in examples if one.domain == domain]
    return tuple((of_kind or of_domain or list(examples))[:count])


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors(include_url=False)[0]
        return f"field {'.'.join(str(part) for part in detail['loc'])!r}: {detail['msg']}"
    return str(error)


MARK = " (CORRECT)"
"""Behind the right option in a rationalization prompt (Zelikman et al. 2022, figure 2)."""
SENTENCE = "The answer is ({label})."
"""Named after the options instead (AdaSTaR, Koh et al. 2025)."""
FREE_MARK = " (The answer is {answer}.)"
"""Behind a question without options: what is to come out, never how."""
PLAIN = "plain"


def condition_for(config: StarConfig, source: Source) -> Condition:
    """How the question itself is asked: bare, or with the hint at one of its options."""
    if source == "sampled" or config.rationalization.hint == "order_trick":
        return get_condition(PLAIN)
    hint = {"mark": MARK} if config.rationalization.hint == "mark" else {"hint": SENTENCE}
    return Condition(name=f"rationalize_{config.rationalization.hint}", **hint)


def uses_examples(config: StarConfig, iteration: int, source: Source) -> bool:
    """Whether the prompt of this iteration shows worked examples.

    Rationalization always does where any are wanted: a model that was never shown what a hint is
    for answers with the hint.
    """
    if config.sampling.few_shot == "never":
        return False
    return source == "rationalized" or config.sampling.few_shot == "always" or iteration == 1


def order_of(question: Question, config: StarConfig, number: int) -> int:
    """Which shuffle the number-th generation of a question is shown; 0 is file order."""
    if not config.sampling.shuffle or len(question.options) < 2:
        return 0
    return number % math.factorial(min(len(question.options), 6))


def place_last(question: Question, config: StarConfig, number: int) -> int:
    """An order that shows the right option last: the order trick."""
    orders = range(1, 200 if len(question.options) > 4 else 24)
    last = [
        order
        for order in orders
        if arrange(question, order, config.seed)[-1].id == question.answer_id
    ]
    return last[number % len(last)] if last else order_of(question, config, number)


def prompt_for(
    question: Question, config: StarConfig, source: Source, order: int, few_shot: bool
) -> Prompt:
    """The question in one shuffle of its options, behind worked examples or not.

    The hint stands in the examples too (Zelikman et al. 2022, appendix; AdaSTaR's code): a model
    that was never shown what a hint is for answers with the hint.
    """
    condition, hinted = condition_for(config, source), source == "rationalized"
    if not question.options:
        condition = Condition(
            name=f"rationalize_{config.rationalization.hint}" if hinted else PLAIN
        )
    told = hinted_free(question) if hinted else question
    asked = render(told, condition, order, shuffle_seed=config.seed)
    if not few_shot or not config.sampling.shots:
        return asked
    messages, texts = [], []
    bare = Condition(name=PLAIN, mark=condition.mark, hint=condition.hint)
    for example in shown_for(question, exemplars(config.sampling.examples), config.sampling.shots):
        one = _like(example.as_question(), question)
        marked = hinted_free(one) if hinted else one
        shown = render(marked, bare)
        labels = {one.option_id: one.label for one in shown.shown}
        answer = rationale(example, config.style, labels)
        messages += [*shown.messages, Message(role="assistant", content=answer)]
        texts.append(f"{shown.text} {answer}")
    return asked.model_copy(
        update={
            "id": f"{asked.id}|{len(texts)}-shot",
            "messages": (*messages, *asked.messages),
            "text": "\n\n".join([*texts, asked.text]),
        }
    )


def training_prompt(question: Question, config: StarConfig, order: int) -> Prompt:
    """What the kept rationale is trained as an answer to: no hint, and examples only if wanted."""
    return prompt_for(question, config, "sampled", order, _keeps_examples(config))


def _keeps_examples(config: StarConfig) -> bool:
    """Whether worked examples stay before the question, in training, validation and test."""
    return config.training.few_shot_in_training and config.method in ("star", "base")


def _like(example: Question, question: Question) -> Question:
    """The example with options only where the question has some."""
    if question.options or not example.options:
        return example
    text = example.option(str(example.answer_id)).text
    return example.model_copy(update={"options": (), "answer_id": None, "answer_text": text})


def hinted_free(question: Question) -> Question:
    """A question without options with its answer behind it; any other as it is."""
    answer = free_key(question)
    if question.options or not answer:
        return question
    return question.model_copy(update={"stem": question.stem + FREE_MARK.format(answer=answer)})


def seed_for(config: StarConfig, iteration: int, name: str) -> int:
    """The seed of one generation: of the run's seed, the iteration and the generation's id."""
    digest = hashlib.sha256(f"{config.seed}|{iteration}|{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def ask(
    question: Question, config: StarConfig, iteration: int, index: int, source: Source
) -> tuple[Generated, Request]:
    """One generation to be made: its row, still without text, and the request for it."""
    if source == "sampled":
        # Pairs need a right and a wrong answer to one and the same prompt.
        step = 0 if config.training.pairs and index < config.sampling.samples else index
        number, name = (iteration - 1) * config.sampling.samples + step, f"{question.id}#{index}"
    else:
        number, name = iteration * config.sampling.samples + index, f"{question.id}#r{index}"
    order = order_of(question, config, number)
    if (
        source == "rationalized"
        and config.rationalization.hint == "order_trick"
        and question.options
    ):
        order = place_last(question, config, number)
    few_shot = uses_examples(config, iteration, source)
    prompt = prompt_for(question, config, source, order, few_shot)
    sampling = Sampling(
        temperature=config.sampling.temperature,
        top_p=config.sampling.top_p,
        max_tokens=config.sampling.max_tokens,
        stop=STOP,
        seed=seed_for(config, iteration, name),
    )
    return _row(prompt, name, index, source, sampling.seed), Request(
        id=name, prompt=prompt, sampling=sampling
    )


def ask_arrival(
    sample: Sample, question: Question, config: StarConfig, render: Callable[[Prompt], str]
) -> tuple[Generated, Request, str]:
    """A rationalization to be finished without its hint: row, request, and the reasons it has.

    Args:
        sample: the rationalization.
        question: its own.
        config: its prompts, and `max_tokens`.
        render: a prompt as the string that the model sees.
    """
    prompt = training_prompt(question, config, sample.order)
    asked = render(prompt)
    reasons = reasons_of(sample, question)
    begun = asked + completion(asked, reasons) if reasons else asked
    text = prompt.model_copy(update={"id": f"{prompt.id}|{sample.id}", "text": begun})
    sampling = Sampling(max_tokens=config.sampling.max_tokens, stop=STOP)
    row = _row(text, sample.id, sample.repeat, "rationalized", 0)
    return row, Request(id=row.id, prompt=text, sampling=sampling, chat=False), reasons


def reasons_of(sample: Sample, question: Question) -> str:
    """What a rationale says before it first names its answer as the answer.

    Of a choice: up to the closing sentence. Of a free answer: up to the first time that it stands
    there, so that what only copies it has no reasons at all.
    """
    text = whole(sample).strip()
    if question.options:
        return before_closing(text).rstrip()
    answer = re.escape(free_key(question))
    found = re.search(rf"(?<![\w.]){answer}(?!\w|[.,]\d)", text)
    return (text[: found.start()] if found else before_closing(text)).rstrip()


def completion(prompt: str, text: str) -> str:
    """The answer with one leading space where the prompt ends without one."""
    text = text.strip()
    return text if prompt[-1:].isspace() else f" {text}"


def ask_validation(
    question: Question, config: StarConfig, index: int, mark: str = "v"
) -> tuple[Generated, Request]:
    """A question asked greedily, its options in another order from question to question.

    Plainly; behind the worked examples where they are in the training text too: what is measured
    is the prompt that was trained.

    Args:
        question: of the validation or of the test.
        config: its `max_tokens`.
        index: of the question among those asked.
        mark: ends the id, behind `#`.
    """
    if _keeps_examples(config):
        prompt = training_prompt(question, config, order_of(question, config, index))
    else:
        prompt = render(question, PLAIN, index % max(1, len(question.options)))
    sampling = Sampling(max_tokens=config.sampling.max_tokens, stop=STOP)
    row = _row(prompt, f"{question.id}#{mark}", 0, "sampled", 0)
    return row, Request(id=row.id, prompt=prompt, sampling=sampling)


def _row(prompt: Prompt, name: str, index: int, source: Source, seed: int) -> Generated:
    return Generated(
        id=name,
        question_id=prompt.question_id,
        repeat=index,
        model="",
        source=source,
        order=prompt.order,
        prompt_id=prompt.id,
        shown=prompt.labels,
        seed=seed,
    )
