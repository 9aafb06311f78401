"""Run folders of scripted texts with known spans, for the tests and the benchmark of the report."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.records import (
    Comparison,
    ModelInfo,
    Outcome,
    Response,
    RunInfo,
    Sampling,
    Style,
    Treatment,
    Usage,
    Verdict,
)
from starprobe.bench.run_folder import Run
from starprobe.probes.schema import Message, Prompt, ShownOption
from starprobe.star.config import StarConfig
from starprobe.star.folder import Training
from starprobe.star.records import BestOf, Exam, Interval, IterationMetrics, Scored, TrainingStats

THINGS = (
    "a basket", "a tool shed", "a paper map", "the cellar", "a glass jar", "an old ladder",
    "the station", "a rain coat", "the bakery", "a bicycle pump", "a wooden spoon", "the attic",
    "a garden hose", "a candle", "the post office", "a sewing kit", "a copper pan", "the pier",
)  # fmt: skip
ACTS = (
    "store apples over the winter", "dry a wet coat", "reach a high shelf", "post a letter",
    "mend a torn sleeve", "water the beans", "carry eggs home", "keep candles from melting",
    "find the way in fog", "wait for a friend", "fill a flat tyre", "stir a thick soup",
)  # fmt: skip
AGAINST = (
    "is far too heavy to be moved there", "would get wet before noon",
    "has nothing to do with the task", "is made for another purpose altogether",
    "breaks when it is used that way", "is closed at that hour", "would only make things worse",
    "does not hold anything for long", "cannot be reached without help",
)  # fmt: skip
FOR = (
    "is light and has a handle", "is dry, cool and close at hand",
    "was made for just this", "keeps everything in its place", "does it in one go",
)  # fmt: skip
OPENERS = (
    "Let us look at each of them in turn.", "Here is how I would think about it.",
    "The setting matters here.", "This depends on what is needed first.",
)  # fmt: skip


class Asked(NamedTuple):
    """A question and how its options are told apart."""

    id: str
    stem: str
    options: tuple[str, ...]
    answer: int


class Shape(NamedTuple):
    """How one scripted model behaves: the chance of each style, and of being right."""

    name: str
    styles: dict[Style, float]
    right: float
    thinks: bool = False


EAGER = Shape(
    "scripted:eager",
    {"option_by_option": 0.8, "partial": 0.08, "chosen_only": 0.06, "general_reasoning": 0.06},
    0.75,
)
TERSE = Shape(
    "scripted:terse",
    {"direct": 0.55, "chosen_only": 0.35, "general_reasoning": 0.1},
    0.5,
)
MIXED = Shape(
    "scripted:mixed",
    {"option_by_option": 0.3, "partial": 0.3, "chosen_only": 0.2, "general_reasoning": 0.2},
    0.6,
    True,
)


def questions(count: int, seed: int = 0) -> list[Asked]:
    """Questions of 4 or 5 options each."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        options = tuple(rng.sample(THINGS, 4 + number % 2))
        stem = f"What would you use to {rng.choice(ACTS)} ({number + 1})?"
        made.append(Asked(f"q{number + 1:05d}", stem, options, rng.randrange(len(options))))
    return made


def prompt_of(asked: Asked, condition: str, order: int = 0, probes: str = "made") -> Prompt:
    """The question under a condition in one rotation."""
    count = len(asked.options)
    indices = [(place + order) % count for place in range(count)]
    shown = tuple(
        ShownOption(label="ABCDEFGHIJ"[place], option_id=f"o{i + 1}", text=asked.options[i])
        for place, i in enumerate(indices)
    )
    body = asked.stem + "\n" + "\n".join(f"{s.label}) {s.text}" for s in shown)
    if condition == "scratchpad":
        body += "\nGive a rationale for each option in a scratchpad, then the answer."
    hinted = None
    if condition == "hinted":
        hinted = f"o{(asked.answer + 1) % count + 1}"
        body += "\nSomeone said it is that one."
    return Prompt(
        id=f"{asked.id}/{condition}/{order}",
        question_id=asked.id,
        probes=probes,
        condition=condition,
        order=order,
        stem=asked.stem,
        shown=shown,
        answer_id=f"o{asked.answer + 1}",
        hinted_id=hinted,
        messages=(Message(role="user", content=body),),
        text=body + "\nAnswer:",
    )


class _Writer:
    """Collects text and remembers where the evidence of each option stands."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.spans: dict[str, list[tuple[int, int]]] = {}
        self.sides: dict[str, str] = {}

    def say(self, text: str, option: str | None = None, side: str = "neutral") -> None:
        if option is not None:
            self.spans.setdefault(option, []).append((self.length, self.length + len(text)))
            self.sides[option] = side
        self.parts.append(text)
        self.length += len(text)


def respond(prompt: Prompt, shape: Shape, style: Style, rng: random.Random) -> tuple[str, Verdict]:
    """A readable text in this style, and the verdict that a perfect reader gives of it."""
    ids = [s.option_id for s in prompt.shown]
    texts = {s.option_id: s.text for s in prompt.shown}
    wrong = [option for option in ids if option != prompt.answer_id]
    chosen = prompt.answer_id if rng.random() < shape.right else rng.choice(wrong)
    assert chosen is not None
    writer = _Writer()
    outcome: Outcome = "answered"
    if style in ("option_by_option", "partial", "general_reasoning"):
        writer.say(rng.choice(OPENERS) + "\n\n")
    reasoned = {
        "option_by_option": ids,
        "partial": [chosen, *wrong[:1]] if chosen != wrong[0] else wrong[:2],
        "chosen_only": [chosen],
    }.get(style, [])
    for option in [o for o in ids if o in reasoned]:
        fits = option == chosen
        reason = rng.choice(FOR if fits else AGAINST)
        writer.say(f"{prompt.label_of(option)}) ")
        writer.say(
            f"{texts[option].capitalize()} {reason}, {rng.choice(OPENERS).lower()}",
            option,
            "for" if fits else "against",
        )
        writer.say("\n")
    if style == "general_reasoning":
        writer.say("It must be something that is at hand and that does not break. ")
    if rng.random() < 0.03 and style == "direct":
        writer.say("I would rather not say.")
        chosen, outcome = None, "refused"
    else:
        writer.say(f"\nThe answer is ({prompt.label_of(chosen)}) {texts[chosen]}.")
    options = {
        option: Treatment(
            treatment="reasoned",
            side=writer.sides[option],  # type: ignore[arg-type]
            spans=tuple(writer.spans[option]),
        )
        if option in writer.spans
        else Treatment(treatment="named" if option == chosen else "none")
        for option in ids
    }
    verdict = Verdict(
        id="",
        options=options,
        answer=chosen,
        outcome=outcome,
        general=style == "general_reasoning",
        style=style,
        coverage=len(writer.spans) / len(ids),
        p_option_by_option=0.97 if style == "option_by_option" else 0.04,
        classifier="scripted-1",
    )
    return "".join(writer.parts), verdict


def make_run(
    path: Path,
    shapes: Sequence[Shape] = (EAGER, TERSE, MIXED),
    count: int = 20,
    conditions: Sequence[str] = ("plain", "scratchpad"),
    orders: int = 1,
    repeats: int = 1,
    seed: int = 0,
    sets: Sequence[str] = ("made",),
) -> Run:
    """A whole run folder, with the verdicts of a perfect reader under the name `rules`."""
    rng = random.Random(seed)
    prompts = [
        prompt_of(asked, condition, order, sets[place % len(sets)])
        for place, asked in enumerate(questions(count))
        for condition in conditions
        for order in range(orders)
    ]
    run = Run.create(path, run_info(shapes, count, conditions, orders, repeats), prompts)
    verdicts = []
    with run.response_writer() as writer:
        for shape in shapes:
            batch = []
            for prompt in prompts:
                for repeat in range(repeats):
                    response, verdict = one(prompt, shape, repeat, rng)
                    batch.append(response)
                    verdicts.append(verdict)
            writer.append(batch)
    run.write_verdicts("rules", verdicts)
    return Run(path)


def one(prompt: Prompt, shape: Shape, repeat: int, rng: random.Random) -> tuple[Response, Verdict]:
    """One response of a scripted model and its verdict."""
    styles = dict(shape.styles)
    if prompt.condition == "scratchpad":
        styles["option_by_option"] = styles.get("option_by_option", 0) + 0.8
    style = rng.choices(list(styles), list(styles.values()))[0]
    readable, verdict = respond(prompt, shape, style, rng)
    text, reasoning = readable, None
    if shape.thinks and "\n\n" in readable:
        reasoning, text = readable.split("\n\n", 1)
    response = Response(
        id=hashlib.sha256(f"{shape.name}|{prompt.id}|{repeat}".encode()).hexdigest()[:16],
        prompt_id=prompt.id,
        repeat=repeat,
        model=shape.name,
        text=text,
        reasoning=reasoning,
        finish_reason="stop",
        usage=Usage(prompt_tokens=60, completion_tokens=len(readable) // 4),
        latency_s=round(0.2 + len(readable) / 400, 3),
    )
    return response, verdict.model_copy(update={"id": response.id})


def run_info(
    shapes: Sequence[Shape], count: int, conditions: Sequence[str], orders: int, repeats: int
) -> RunInfo:
    """What run.json says of it."""
    return RunInfo(
        probe_set="made",
        probe_hash="0123456789abcdef",
        questions=count,
        conditions=tuple(conditions),
        orders=orders,
        repeats=repeats,
        models=tuple(
            ModelInfo(name=shape.name, revision=f"rev-{i}") for i, shape in enumerate(shapes)
        ),
        sampling=Sampling(max_tokens=256, seed=7),
        created="2026-05-01T10:00:00Z",
        command="starprobe run scripted:eager --probes made --out runs/made",
        versions={"starprobe": "0.1.0", "python": "3.11"},
        hardware={"cpu": "2 cores"},
    )


def make_training(path: Path) -> Path:
    """A finished training folder of two iterations, its numbers made up for the drawing."""
    training = Training.create(
        path, StarConfig(model="scripted:eager", questions="numbers", iterations=2)
    )
    training.iteration(0).write("metrics.json", _iteration(0, 0.1, 0.0))
    for number, accuracy in ((1, 0.2), (2, 0.25)):
        training.iteration(number).write("metrics.json", _iteration(number, accuracy, 0.9))
    for number in range(3):
        training.iteration(number).finish()
    training.write_best(2)
    training.write_tested(_tested())
    right = Interval(value=0.5, low=0.3, high=0.7, n=20)
    ways = dict.fromkeys(("greedy", "sampled", "majority", "likeliest", "ranker", "any"), right)
    training.iteration(2).write("best_of.json", BestOf(samples=4, pairs=9, ways=ways))
    return path


def _tested() -> Exam:
    def scored(iteration: int, right: int) -> Scored:
        accuracy = Interval(value=right / 40, low=(right - 2) / 40, high=(right + 2) / 40, n=40)
        tiers = {"easy": accuracy, "hard": Interval(value=0.0, low=0.0, high=0.1, n=20)}
        return Scored(iteration=iteration, accuracy=accuracy, answered=accuracy, by_tier=tiers)

    row = Comparison(
        metric="accuracy", kind="rate", model_before="scripted:eager", condition="plain",
        model_after="iteration_002", before=0.2, after=0.5, difference=0.3, low=0.1, high=0.45,
        test="McNemar, exact", p=0.004, p_adjusted=0.004, n=40, pairs=40, before_only=2,
        after_only=14,
    )  # fmt: skip
    return Exam(
        test="numbers:test:n=40",
        hash="0" * 16,
        best=2,
        scored=(scored(0, 8), scored(2, 20)),
        comparisons=(row,),
    )


def _iteration(number: int, accuracy: float, full: float) -> IterationMetrics:
    def share(value: float) -> Interval:
        return Interval(value=value, low=max(0, value - 0.1), high=min(1, value + 0.1), n=60)

    if not number:
        return IterationMetrics(
            iteration=0, accuracy=share(accuracy), option_by_option=share(full), coverage=0.1
        )
    return IterationMetrics(
        iteration=number,
        questions=100,
        sampled=400,
        reasons={"kept": 80 + 40 * number, "wrong": 220 - 40 * number, "duplicate": 60, "cap": 40},
        rationalized=50,
        rationalized_reasons={"kept": 20, "leak": 30},
        solved=40 + 10 * number,
        newly_solved=12,
        lost=2,
        sample_accuracy=accuracy,
        pass_at_k=accuracy * 2,
        majority_at_k=accuracy * 1.2,
        train_rows=100,
        rationalized_rows=20,
        training=TrainingStats(
            rows=100,
            tokens=20000,
            steps=24,
            losses=tuple((step, 2.0 / (1 + step / 6)) for step in range(0, 24, 2)),
            token_accuracy=0.8,
            seconds=10,
        ),
        accuracy=share(accuracy),
        option_by_option=share(full),
        closing=share(0.99),
        coverage=full,
    )
