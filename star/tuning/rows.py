"""Kept samples -> training rows, and training rows -> token ids: the prompt exactly as asked.

A trained row begins with the very string that the model is asked with later; the space between
prompt and answer belongs to the answer. The hint of a rationalization is gone: the row is built
from the question anew. The controls have rows of their own: answers alone, templates' or teachers'
rationales.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from starprobe.bench.models.backend import Backend
from starprobe.bench.models.local import end_ids, prompt_ids, turn_end
from starprobe.bench.models.thinking import whole
from starprobe.probes.errors import InputError
from starprobe.probes.generated.numbers import worked
from starprobe.probes.rendering import WorkedExample, arrange, closing, rationale
from starprobe.probes.schema import Prompt, Question
from starprobe.star.config import StarConfig
from starprobe.star.prompts import completion, order_of, training_prompt
from starprobe.star.records import Sample, TrainRow
from starprobe.star.verify import free_key

_LINE = re.compile(r"^\(([A-Z])\) ")
_LABEL = re.compile(r"\(([A-Z])\)")


def turned(sample: Sample, question: Question, order: int, config: StarConfig) -> Sample | None:
    """The sample as if its options had been shown in this order; None where it cannot be turned."""
    lines = whole(sample).strip().split("\n")
    found = {match[1]: line for line in lines if (match := _LINE.match(line))}
    labels = list(sample.shown)
    weighed = set(found) == set(labels) and len(found) == sum(bool(_LINE.match(x)) for x in lines)
    # Of a rationale for the chosen option alone, nothing but the closing sentence names a label.
    closed_only = not found and len(_LABEL.findall(whole(sample))) == 1 and _LABEL.search(lines[-1])
    if not labels or not (weighed or closed_only):
        return None
    arranged = [option.id for option in arrange(question, order, config.seed)]
    shown = dict(zip(labels, arranged, strict=True))
    new = {option: label for label, option in shown.items()}
    names = {old: new[option] for old, option in sample.shown.items()}
    if any(label not in names for label in _LABEL.findall(whole(sample))):
        return None
    body = iter(sorted(found, key=lambda label: names[label]))
    text = "\n".join(found[next(body)] if _LINE.match(line) else line for line in lines)
    text = _LABEL.sub(lambda match: f"({names[match[1]]})", text)
    changed = {
        "id": f"{sample.id}@{order}", "order": order, "shown": shown, "text": text, "raw": None,
        "token_ids": None,
    }  # fmt: skip
    changed |= {"raw": None, "reasoning": None, "token_ids": None}
    return sample.model_copy(update=changed)


def balanced(
    kept: Sequence[Sample], questions: Mapping[str, Question], config: StarConfig
) -> list[Sample]:
    """The kept samples, each in `turns` orders, their answers in every place equally often.

    Each turn goes to the place that has had the fewest answers so far. What cannot be turned
    comes once, as it is.
    """
    had: Counter[str] = Counter()
    found: list[Sample] = []
    for sample in kept:
        made = _turns(sample, questions[sample.question_id], had, config)
        found.extend(made or [sample])
        had.update(map(_place, made or [sample]))
    return found


def _turns(
    sample: Sample, question: Question, had: Counter[str], config: StarConfig
) -> list[Sample]:
    orders = range(1, 4 * max(1, len(question.options)))
    made = [turned(sample, question, order, config) for order in orders]
    choices = [one for one in made if one is not None]
    had = had.copy()
    found: list[Sample] = []
    while choices and len(found) < config.training.turns:
        best = min(choices, key=lambda one: (had[_place(one)], one.order))
        choices.remove(best)
        had[_place(best)] += 1
        found.append(best)
    return found


def _place(sample: Sample) -> str:
    return next((one for one, option in sample.shown.items() if option == sample.answer), "")


def rejected_for(samples: Sequence[Sample]) -> dict[str, str]:
    """Kept sample id -> a whole answer to the very same prompt that is wrong or unwanted.

    Wrong answers are dealt out in turn, so that they differ where there are several. A kept sample
    of a question that has none is not in it.
    """
    wrong: dict[tuple[str, int], list[str]] = defaultdict(list)
    for sample in samples:
        if sample.reason in ("wrong", "reward"):
            wrong[sample.question_id, sample.order].append(whole(sample))
    found: dict[str, str] = {}
    dealt: dict[tuple[str, int], int] = defaultdict(int)
    for sample in samples:
        key = (sample.question_id, sample.order)
        if sample.kept and wrong[key]:
            found[sample.id] = wrong[key][dealt[key] % len(wrong[key])]
            dealt[key] += 1
    return found


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
                completion=completion(prompt, whole(sample)),
                completion_ids=sample.token_ids,
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
        return closing(None, free_key(question))
    return closing(prompt.label_of(question.answer_id), question.option(question.answer_id).text)


def encode(row: TrainRow, tokenizer: Any) -> Encoded:
    """A row as token ids: the prompt's as they were asked, then what was sampled.

    An answer that no engine sampled here (a template's, or one whose options were turned) is
    tokenised apart from its prompt, so that no token spans the border, and gets the end of a turn
    that the chat template writes, else the end-of-text token.
    """
    head = prompt_ids(tokenizer, row.prompt)
    if row.completion_ids:
        tail = list(row.completion_ids)
    else:
        tail = list(tokenizer(row.completion, add_special_tokens=False)["input_ids"])
        end = turn_end(tokenizer, end_ids(tokenizer, None))
        tail += [] if end is None else [end]
    return Encoded(head + tail, [-100] * len(head) + tail)


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
        for turn in range(max(1, config.training.turns)):
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
    make = worked_like_examples if config.sampling.examples == "numbers" else worked
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
