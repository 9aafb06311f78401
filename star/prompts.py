"""What the model is asked while it teaches itself: sampling, rationalization and training prompts.

All are made by `probes.rendering`; here is only which condition, order and seed each one has.
"""

from __future__ import annotations

import hashlib
import math

from starprobe.bench.models.base import Request
from starprobe.bench.records import Sampling
from starprobe.probes.conditions import Condition, get_condition
from starprobe.probes.orders import arrange
from starprobe.probes.rendering import STOP, render
from starprobe.probes.schema import Message, Prompt, Question
from starprobe.probes.worked_examples import rationale
from starprobe.star.config import StarConfig
from starprobe.star.exemplars import exemplars, shown_for
from starprobe.star.numeric import key_number
from starprobe.star.records import Generated, Source

MARK = " (CORRECT)"
"""Behind the right option in a rationalization prompt (Zelikman et al. 2022, figure 2)."""
SENTENCE = "The answer is ({label})."
"""Named after the options instead (AdaSTaR, Koh et al. 2025)."""
FREE_MARK = " (The answer is {number}.)"
"""Behind a question without options: the number that is to come out, never how."""
PLAIN = "plain"


def condition_for(config: StarConfig, source: Source) -> Condition:
    """How the question itself is asked: bare, or with the hint at one of its options."""
    if source == "sampled" or config.hint == "place":
        return get_condition(PLAIN)
    hint = {"mark": MARK} if config.hint == "mark" else {"hint": SENTENCE}
    return Condition(name=f"rationalize_{config.hint}", **hint)


def uses_examples(config: StarConfig, iteration: int, source: Source) -> bool:
    """Whether the prompt of this iteration shows worked examples.

    Rationalization always does where any are wanted: a model that was never shown what a hint is
    for answers with the hint.
    """
    if config.few_shot == "never":
        return False
    return source == "rationalized" or config.few_shot == "always" or iteration == 1


def order_of(question: Question, config: StarConfig, number: int) -> int:
    """Which shuffle the number-th generation of a question is shown; 0 is file order."""
    if not config.shuffle or len(question.options) < 2:
        return 0
    return number % math.factorial(min(len(question.options), 6))


def place_last(question: Question, config: StarConfig, number: int) -> int:
    """An order that shows the right option last: the hint of the style `place`."""
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

    The mark of a hint stands in the examples too (Zelikman et al. 2022, appendix); a sentence
    concerns the asked question alone.
    """
    condition, hinted = condition_for(config, source), source == "rationalized"
    if not question.options:
        condition = Condition(name=f"rationalize_{config.hint}" if hinted else PLAIN)
    told = hinted_free(question) if hinted else question
    asked = render(told, condition, order, shuffle_seed=config.seed)
    if not few_shot or not config.shots:
        return asked
    messages, texts = [], []
    bare = Condition(name=PLAIN, mark=condition.mark)
    for example in shown_for(question, exemplars(config.examples), config.shots):
        one = _like(example.as_question(), question)
        marked = hinted_free(one) if hinted and config.hint != "sentence" else one
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
    few_shot = config.few_shot_in_training and config.method == "star"
    return prompt_for(question, config, "sampled", order, few_shot)


def _like(example: Question, question: Question) -> Question:
    """The example with options only where the question has some."""
    if question.options or not example.options:
        return example
    text = example.option(str(example.answer_id)).text
    return example.model_copy(update={"options": (), "answer_id": None, "answer_text": text})


def hinted_free(question: Question) -> Question:
    """A question without options with its number behind it; any other as it is."""
    number = key_number(question.answer_text or "")
    if question.options or number is None:
        return question
    return question.model_copy(update={"stem": question.stem + FREE_MARK.format(number=number)})


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
        step = 0 if config.pairs and index < config.samples else index
        number, name = (iteration - 1) * config.samples + step, f"{question.id}#{index}"
    else:
        number, name = iteration * config.samples + index, f"{question.id}#r{index}"
    order = order_of(question, config, number)
    if source == "rationalized" and config.hint == "place" and question.options:
        order = place_last(question, config, number)
    few_shot = uses_examples(config, iteration, source)
    prompt = prompt_for(question, config, source, order, few_shot)
    sampling = Sampling(
        temperature=config.temperature,
        top_p=config.top_p,
        max_tokens=config.max_tokens,
        stop=STOP,
        seed=seed_for(config, iteration, name),
    )
    return _row(prompt, name, index, source, sampling.seed), Request(
        id=name, prompt=prompt, sampling=sampling
    )


def ask_validation(
    question: Question, config: StarConfig, index: int, mark: str = "v"
) -> tuple[Generated, Request]:
    """A question asked plainly and greedily, its options rotated from question to question.

    Args:
        question: of the validation or of the test.
        config: its `max_tokens`.
        index: of the question among those asked.
        mark: ends the id, behind `#`.
    """
    order = index % max(1, len(question.options))
    prompt = render(question, PLAIN, order)
    sampling = Sampling(max_tokens=config.max_tokens, stop=STOP)
    row = _row(prompt, f"{question.id}#{mark}", 0, "sampled", 0)
    return row, Request(id=row.id, prompt=prompt, sampling=sampling)


def _row(prompt: Prompt, name: str, index: int, source: Source, seed: int) -> Generated:
    return Generated(
        id=name,
        question_id=prompt.question_id,
        index=index,
        source=source,
        order=prompt.order,
        prompt_id=prompt.id,
        shown=prompt.labels,
        seed=seed,
        text="",
    )
