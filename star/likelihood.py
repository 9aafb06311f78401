"""Does a hinted rationale make the right answer likelier where the hint is not seen?

Kept only where the answer's closing sentence gains by the reasons before it, and comes out ahead of
the other options': otherwise it argues from the hint alone (anchored on it in secret).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starprobe.bench.models.base import ScoringBackend
from starprobe.probes.examples import closing
from starprobe.probes.schema import Question
from starprobe.star.config import StarConfig
from starprobe.star.filters import dropped
from starprobe.star.prompts import training_prompt
from starprobe.star.read import before_closing
from starprobe.star.records import Sample
from starprobe.star.rows import answer_sentence, completion


class Gain(NamedTuple):
    """What the reasons do for the right answer."""

    value: float
    """Log-likelihood of its closing sentence after the reasons, minus without them (nats)."""
    first: bool
    """Whether no other option's closing sentence is likelier after the reasons."""


def check(
    samples: Sequence[Sample],
    questions: Mapping[str, Question],
    config: StarConfig,
    backend: ScoringBackend,
) -> list[Sample]:
    """The same samples; those whose reasons do not help, without the hint, are dropped."""
    kept = [sample for sample in samples if sample.kept]
    pairs: list[tuple[str, str]] = []
    spans: list[tuple[str, int, int]] = []
    for sample in kept:
        made = pairs_for(sample, questions[sample.question_id], config, backend)
        spans.append((sample.id, len(pairs), len(pairs) + len(made)))
        pairs.extend(made)
    values = backend.loglikelihoods(pairs)
    gains = {name: gain(values[start:end]) for name, start, end in spans}
    found = []
    for sample in samples:
        got = gains.get(sample.id)
        if got is None:
            found.append(sample)
            continue
        scored = sample.model_copy(update={"score": round(got.value, 4)})
        helps = got.value > 0 and got.first
        found.append(scored if helps else dropped(scored, "likelihood"))
    return found


def pairs_for(
    sample: Sample, question: Question, config: StarConfig, backend: ScoringBackend
) -> list[tuple[str, str]]:
    """(prefix, continuation): the right sentence with no reasons, then every one after them.

    A question without options has the right one alone.
    """
    prompt = training_prompt(question, config, sample.order)
    asked = backend.render(prompt)
    reasons = before_closing(sample.readable).rstrip()
    after = asked + completion(asked, reasons)
    sentences = {
        option_id: closing(label, question.option(option_id).text)
        for label, option_id in sample.shown.items()
    }
    right = sentences.pop(question.answer_id or "", answer_sentence(question, prompt))
    joint = sample.readable[len(reasons) :][:1] or "\n"
    return [
        (asked, completion(asked, right)),
        (after, joint + right),
        *((after, joint + other) for other in sentences.values()),
    ]


def gain(values: Sequence[float]) -> Gain:
    """The gain from the values of `pairs_for`."""
    without, right, *others = values
    return Gain(right - without, all(right > other for other in others))
