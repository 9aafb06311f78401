"""The frozen nouns of training: generations, samples with their fate, training rows, metrics.

What a training folder stores and reports read; knows neither models nor files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field

from starprobe.bench.files import dump_line
from starprobe.bench.judges.panel import JudgeCount
from starprobe.bench.records import MULTI, Comparison, Outcome, Response, Style
from starprobe.probes.schema import Record
from starprobe.star.config import FilterName, StarConfig, training_seed

Source = Literal["sampled", "rationalized"]
Reason = Literal[
    "kept",
    "error",
    "cut",
    "no_answer",
    "wrong",
    "reward",
    "abstained",
    "working",
    FilterName,
    "unsupported",
    "cap",
]
"""Why a sample was kept or dropped; `star.filters` says what each means."""
REASONS: tuple[Reason, ...] = get_args(Reason)
__all__ = [
    "MULTI",
    "REASONS",
    "Answered",
    "BestOf",
    "Exam",
    "Forgetting",
    "Generated",
    "Interval",
    "IterationMetrics",
    "Job",
    "Judging",
    "Reason",
    "Sample",
    "Scored",
    "Source",
    "TrainRow",
    "TrainingStats",
]


class Generated(Response):
    """One response as it came, before it is read: a row of samples.raw.jsonl.

    Its id is `QUESTION#REPEAT`, of a rationalization `QUESTION#rREPEAT`.
    """

    question_id: str
    source: Source
    order: int
    """Which shuffle of the options was shown; `seed` of the configuration fixes the shuffles."""
    shown: dict[str, str]
    """Label -> option id, in the order shown."""
    seed: int

    @property
    def tokens(self) -> int | None:
        """Tokens generated."""
        return self.usage.completion_tokens if self.usage else None


class Sample(Generated):
    """A generation, what the reader found in it, and its fate: a row of samples.jsonl."""

    answer: str | None
    """An option id, `multi` or None; of a question without options, the number as read."""
    outcome: Outcome
    correct: bool | None
    style: Style | None
    coverage: float | None
    kept: bool
    reason: Reason
    score: float | None = None
    """What a judge or a reward model gave, where one was asked."""
    faults: tuple[str, ...] = ()
    """What verifiers found wrong with the working."""


class TrainRow(Record):
    """One row of train.jsonl: exactly what the model is trained on."""

    id: str
    """Of the sample."""
    question_id: str
    source: Source
    prompt: str
    """The string that the model is asked with, special tokens included."""
    completion: str
    """What it is to say, its leading space included where the prompt ends without one."""
    completion_ids: tuple[int, ...] | None = None
    """The very tokens that were sampled, end token included, where the engine said them; the
    completion is their text."""
    rejected: str | None = None
    """A wrong answer to the same prompt, where pairs are trained."""


class Interval(Record):
    """A share with its 95 % interval (Wilson) and what it is over."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class TrainingStats(Record):
    """What fine-tuning saw."""

    rows: int
    tokens: int
    """Trained on, prompts included, over all epochs."""
    steps: int
    losses: tuple[tuple[int, float], ...]
    """(step, loss)."""
    token_accuracy: float | None
    seconds: float
    rows_too_long: int = 0
    """Left out because they did not fit whole."""

    @property
    def loss_first(self) -> float | None:
        """The first loss logged."""
        return self.losses[0][1] if self.losses else None

    @property
    def loss_last(self) -> float | None:
        """The last loss logged."""
        return self.losses[-1][1] if self.losses else None


class Answered(Record):
    """Questions asked plainly and greedily, with no example: what the responses come to."""

    accuracy: Interval | None = None
    """Right among all responses; one without an answer is not right."""
    answered: Interval | None = None
    """Responses that give one answer."""
    flexible: Interval | None = None
    """Free answers alone: right where the last number counts if no sentence closes the text."""
    closing: Interval | None = None
    """Responses that end with the closing sentence, label and text agreeing."""
    option_by_option: Interval | None = None
    """Responses that reason about every option."""
    cut: float | None = None
    """Share of responses cut at the limit of tokens."""
    coverage: float | None = None
    """Mean share of options reasoned about."""
    length: float | None = None
    """Mean tokens of a response."""
    letters: dict[str, int] = Field(default_factory=dict)
    """Label -> how often it was chosen."""
    gold: dict[str, int] = Field(default_factory=dict)
    """Label -> how often the right option stood under it."""
    errors: int = 0
    """Requests without a response; they count as responses without an answer."""


class Judging(Record):
    """How judges or a reward model did where they decide what is kept."""

    judged: int
    """Samples they were asked about."""
    abstained: Interval
    """Samples without a consensus, or without a score: dropped."""
    matches_key: Interval
    """Where the key is known: samples wanted that are right, or unwanted that are wrong."""
    wanted_are_right: Interval
    """Where the key is known: samples wanted that are right."""
    cost: float | None = None
    """In US dollars, where they say it."""
    judges: tuple[JudgeCount, ...]
    """Each one's requests, unreadable answers and failures."""


class Scored(Answered):
    """A model's responses to the test questions, in numbers."""

    iteration: int
    """Whose weights; 0 is the base."""
    by_tier: dict[str, Interval] = Field(default_factory=dict)
    """Tier of the questions (their `tier`, else their `digits`) -> right; empty for one tier."""


class Exam(Record):
    """test.json: the base and the chosen iteration on questions that chose nothing."""

    test: str
    """The set, as the configuration names it."""
    hash: str
    """Of the questions asked."""
    best: int
    """The iteration that validation had chosen before; 0 where the base stands."""
    scored: tuple[Scored, ...]
    """The base, the chosen one, and with `test_every` all others: for reporting only."""
    comparisons: tuple[Comparison, ...] = ()
    """Base against chosen, on the same questions; the first is of the accuracy."""

    def of(self, iteration: int) -> Scored:
        """The numbers of one iteration.

        Raises:
            KeyError: it was not asked.
        """
        for one in self.scored:
            if one.iteration == iteration:
                return one
        raise KeyError(iteration)


class BestOf(Record):
    """best_of.json: ways of choosing among samples of the test questions, the ranker's last."""

    samples: int
    """Of a question."""
    pairs: int
    """Right against wrong, that the ranker was trained on."""
    ways: dict[str, Interval]
    """greedy, sampled (the first), majority, likeliest (to the model itself), ranker, any (the most
    that a choice could have right) -> right answers."""
    comparisons: tuple[Comparison, ...] = ()
    """The ranker's choice against others, paired by question."""


class Forgetting(Record):
    """forgetting.json: the base against the chosen iteration on what was not trained."""

    best: int
    comparisons: tuple[Comparison, ...]
    """Metrics are called `SET OR TASK: METRIC`."""


class IterationMetrics(Answered):
    """One iteration in numbers: metrics.json. Iteration 0 is the model before training.

    The fields of `Answered` are of the validation questions.
    """

    iteration: int
    questions: int = 0
    """Asked."""
    sampled: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    """Reason -> samples, of the sampled ones."""
    rationalized: int = 0
    rationalized_reasons: dict[str, int] = Field(default_factory=dict)
    solved: int = 0
    """Questions with a kept sample of their own, no hint."""
    newly_solved: int = 0
    """Solved now, not in the iteration before."""
    lost: int = 0
    """Solved in the iteration before, not now."""
    sample_accuracy: float | None = None
    """Right among all samples (pass@1)."""
    pass_at_k: float | None = None
    """Questions with at least one right sample (unbiased where k is below the samples taken)."""
    majority_at_k: float | None = None
    """Questions whose most frequent answer is right."""
    distinct: float | None = None
    """Distinct rationales for each question that has a right one."""
    judging: Judging | None = None
    """None where the answer key decides."""
    train_rows: int = 0
    rationalized_rows: int = 0
    rationalized_share: float | None = None
    training: TrainingStats | None = None
    sample_letters: dict[str, int] = Field(default_factory=dict)
    """As `letters` and `gold`, of the samples."""
    sample_gold: dict[str, int] = Field(default_factory=dict)
    sample_length: float | None = None
    """Mean tokens of a sample."""
    kept_length: float | None = None
    """Mean tokens of a sample that is trained on."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """Phase -> wall-clock seconds; sampling, rationalizing, training, validating."""
    tokens: dict[str, int] = Field(default_factory=dict)
    """Phase -> tokens generated or trained on."""
    gain: Comparison | None = None
    """Validation accuracy against the best iteration before (0 is the base), paired by question."""
    alarms: tuple[str, ...] = ()
    """What got worse beside the accuracy."""


class Job(Record):
    """Everything that decides the weights."""

    rows: Path
    """An iteration's train.jsonl."""
    base: str
    """What `from_pretrained` takes."""
    config: StarConfig
    iteration: int
    """From 1; steps and seed go by it."""
    target: Path
    """The folder of the adapter, or of the model where all weights are trained."""
    previous: Path | None = None
    """Weights of the iteration before, to go on from instead of the base."""
    ranks: bool = False
    """Whether it is a ranker: pairs alone are trained on, from `previous`."""

    @property
    def seed(self) -> int:
        """Of this iteration's training."""
        return training_seed(self.config, self.iteration)

    @property
    def snapshots(self) -> Path:
        """Where the state of a fine-tune under way is kept, beside its target."""
        return self.target.parent / "checkpoints"

    def fingerprint(self, rows: Iterable[TrainRow]) -> str:
        """Of what is trained on and how: a snapshot of anything else is not gone on from."""
        how = self.config.model_dump_json(exclude=_FREE)
        digest = hashlib.sha256(f"{how}|{self.base}|{self.iteration}".encode())
        for row in rows:
            digest.update(dump_line(row))
        return digest.hexdigest()[:16]


_FREE: Any = {"iterations": True, "machine": {"checkpoint_minutes"}}
"""Fields whose change does not make a snapshot another fine-tune's."""
