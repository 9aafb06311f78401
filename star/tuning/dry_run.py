"""What a training will ask and cost, before it begins: measured here, in a minute or two.

The first prompts are sampled and two steps are trained on what comes, by the very code of the
training; the rest is multiplication. Upper limits, where a number depends on what will be right.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.files import write_jsonl
from starprobe.bench.models import load_backend
from starprobe.bench.models.base import generate
from starprobe.bench.models.thinking import whole
from starprobe.bench.progress import Silent
from starprobe.probes.schema import Question
from starprobe.star.config import StarConfig
from starprobe.star.folder import Splits
from starprobe.star.loop import looked_ahead
from starprobe.star.prompts import ask, completion, training_prompt
from starprobe.star.questions import load_questions
from starprobe.star.records import Job, TrainRow
from starprobe.star.tuning.finetune import steps_of
from starprobe.star.tuning.launch import finetuned
from starprobe.star.tuning.rows import Render, renderer
from starprobe.star.work import BackendLoader, Models, base_weights

PROMPTS = 16
"""Sampled to measure with, at most."""
TOKENS = 64
"""Generated of each, at most."""


class Rates(NamedTuple):
    """What this machine does."""

    prompt_tokens: float
    response_tokens: float
    """Of a whole response: up to `max_tokens` where the ones measured did not end."""
    sampled_per_s: float
    trained_per_s: float
    gib: float
    """The most memory that any process of ours had."""
    first: str
    """The first prompt as the model sees it."""


def told(config: StarConfig, load: BackendLoader = load_backend) -> Iterator[str]:
    """Lines: questions, first prompt, tokens, minutes, memory.

    Raises:
        UserError: what a training would raise before its first sample.
    """
    splits = looked_ahead(config)
    yield from questions_told(splits)
    if config.method == "base":
        return
    with tempfile.TemporaryDirectory() as folder:
        rates = measured(config, splits, Path(folder), load)
    yield f"first prompt:\n{rates.first}\n"
    yield from cost_told(config, splits, rates)


def questions_told(splits: Splits) -> Iterator[str]:
    """How many questions there are for what."""
    yield f"questions: {len(splits.train)} to train on, {len(splits.validation)} held out"
    reasons = Counter(why.partition("/")[0] for why in splits.removed.values())
    for why, count in reasons.most_common():
        yield f"left out: {count}, {why}"


def measured(config: StarConfig, splits: Splits, folder: Path, load: BackendLoader) -> Rates:
    """The rates of this machine, by a few prompts and two steps."""
    questions = {one.id: one for one in load_questions(config).questions}
    chosen = [questions[name] for name in splits.train[:PROMPTS]]
    models = Models(config, load)
    backend = models.get(None)
    render = renderer(backend)
    asked = [ask(one, config, 1, 0, "sampled")[1] for one in chosen]
    limit = min(TOKENS, config.sampling.max_tokens)
    short = [
        one.model_copy(update={"sampling": one.sampling.model_copy(update={"max_tokens": limit})})
        for one in asked
    ]
    list(generate(backend, short[:1]))  # What is compiled or cached at first is no rate.
    start = time.perf_counter()
    made = dict(generate(backend, short))
    seconds = time.perf_counter() - start
    usages = [one.usage for one in made.values() if one.usage is not None]
    sampled = sum(one.completion_tokens or 0 for one in usages)
    ended = sum(one.finish_reason == "stop" for one in made.values()) / max(1, len(made))
    mean = sampled / max(1, len(usages))
    texts = {name: whole(one) or "None." for name, one in made.items()}
    first = render(asked[0].prompt)
    rows = _rows(config, chosen, [texts[one.id] for one in short], render)
    models.close()
    return Rates(
        prompt_tokens=sum(one.prompt_tokens or 0 for one in usages) / max(1, len(usages)),
        response_tokens=mean * ended + config.sampling.max_tokens * (1 - ended),
        sampled_per_s=sampled / max(seconds, 1e-6),
        trained_per_s=_trained_per_s(config, rows, folder),
        gib=max(map(_peak, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))),
        first=first,
    )


def cost_told(config: StarConfig, splits: Splits, rates: Rates) -> Iterator[str]:
    """Tokens and minutes of all rounds, and memory."""
    train, held = len(splits.train), len(splits.validation)
    sampling, again = config.sampling, config.rationalization
    star = config.method == "star"
    samples = train * sampling.samples if star else 0
    tries = train * again.rationalize_samples if star and again.rationalize != "none" else 0
    checks = tries if again.arrives else 0
    rounds = config.iterations
    asked = (samples + tries + checks + held) * rounds + held
    made = asked * rates.response_tokens
    rows = min(samples, train * config.selection.cap) + tries if star else train
    length = min(rates.prompt_tokens + rates.response_tokens, config.training.max_length)
    batch = config.training.train_batch_size
    steps = sum(steps_of(config, number, rows) for number in range(1, rounds + 1))
    trained = steps * batch * length
    yield (
        f"a round, at most: {samples} samples, {tries} rationalizations, {checks} checks of them, "
        f"{held} validation questions, {rows} rows"
    )
    yield f"{rounds} rounds, at most: {made:,.0f} tokens sampled, {trained:,.0f} trained"
    minutes = made / rates.sampled_per_s / 60, trained / rates.trained_per_s / 60
    yield (
        f"measured here: {rates.sampled_per_s:.0f} tokens sampled a second, "
        f"{rates.trained_per_s:.0f} trained: {minutes[0]:.0f} + {minutes[1]:.0f} minutes at most"
    )
    yield f"memory: {rates.gib:.1f} GiB at most while that was measured"
    if (gpu := _gpu_gib()) is not None:
        yield f"GPU memory of this process: {gpu:.1f} GiB at most"


class _Clock(Silent):
    """When each step ended, and how many tokens it was."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, int]] = []

    def advance(self, count: int = 1, tokens: int = 0) -> None:
        self.steps.append((time.perf_counter(), tokens))


def _trained_per_s(config: StarConfig, rows: list[TrainRow], folder: Path) -> float:
    write_jsonl(folder / "train.jsonl", rows)
    values = config.training.model_dump() | {"steps": 3, "pairs": False}
    machine = config.machine.model_dump() | {"checkpoint_minutes": None}
    short = StarConfig.model_validate(
        config.model_dump() | {"training": values, "machine": machine}
    )
    job = Job(
        rows=folder / "train.jsonl",
        base=base_weights(config.model),
        config=short,
        iteration=1,
        target=folder / "adapter",
    )
    clock = _Clock()
    finetuned(job, clock)
    spent = clock.steps[-1][0] - clock.steps[0][0]
    return sum(tokens for _, tokens in clock.steps[1:]) / max(spent, 1e-6)


def _rows(
    config: StarConfig, questions: list[Question], texts: list[str], render: Render
) -> list[TrainRow]:
    made = []
    for question, text in zip(questions, texts, strict=True):
        prompt = render(training_prompt(question, config, 0))
        made.append(
            TrainRow(
                id=question.id,
                question_id=question.id,
                source="sampled",
                prompt=prompt,
                completion=completion(prompt, text),
            )
        )
    return made


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / (1 << 20)


def _gpu_gib() -> float | None:
    import torch

    if not torch.cuda.is_available():
        return None
    return float(torch.cuda.max_memory_allocated()) / (1 << 30)
