"""Samples -> the numbers of an iteration, and which iteration is best.

Pure: records in, values out.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starprobe.bench.records import MULTI
from starprobe.bench.statistics.intervals import wilson
from starprobe.probes.schema import Question
from starprobe.star.config import StarConfig
from starprobe.star.filters import closes_well, fingerprint, shown_options
from starprobe.star.questions import keyed
from starprobe.star.records import Interval, IterationMetrics, Sample
from starprobe.star.verify import last_number, same_number

GOOD = ("kept", "cap", "duplicate")
"""Fates of samples that are good enough to be trained on."""


def share(hits: int, n: int) -> Interval:
    """A share with its Wilson interval; no value over nothing."""
    if n == 0:
        return Interval(value=None, low=None, high=None, n=0)
    low, high = wilson(hits, n)
    return Interval(value=hits / n, low=low, high=high, n=n)


def sampling_numbers(
    samples: Sequence[Sample],
    solved_before: frozenset[str] | None,
    questions: Mapping[str, Question],
) -> dict[str, Any]:
    """What an iteration's own samples come to, as fields of `IterationMetrics`.

    Args:
        samples: with their fates.
        solved_before: questions that the iteration before solved; None in the first.
        questions: theirs; shares of right samples are over those whose answer is known.
    """
    by_question = grouped(samples)
    known = keyed(questions[name] for name in by_question)
    scored = [rows for name, rows in by_question.items() if name in known]
    solved = solved_questions(samples)
    lengths = [sample.tokens for sample in samples if sample.tokens is not None]
    kept = [one.tokens for one in samples if one.kept and one.tokens is not None]
    return {
        "questions": len(by_question),
        "sampled": len(samples),
        "reasons": counts(samples),
        "solved": len(solved),
        "newly_solved": len(solved - solved_before) if solved_before is not None else len(solved),
        "lost": len(solved_before - solved) if solved_before is not None else 0,
        "sample_accuracy": mean(float(one.correct is True) for rows in scored for one in rows),
        "pass_at_k": mean(pass_at_k(rows) for rows in scored),
        "majority_at_k": mean(float(majority_right(rows)) for rows in scored),
        "distinct": distinct(by_question),
        "sample_length": mean(lengths),
        "kept_length": mean(kept),
        "sample_letters": letters(samples),
        "sample_gold": gold(samples, questions),
    }


def answered_numbers(
    samples: Sequence[Sample], questions: Mapping[str, Question]
) -> dict[str, Any]:
    """What responses to plain questions come to, as fields of `Answered`."""
    n = len(samples)
    chosen = [one for one in samples if questions[one.question_id].options]
    known = keyed(questions.values())
    scored = [sample for sample in samples if sample.question_id in known]
    closing = sum(_closes(sample, questions[sample.question_id]) for sample in samples)
    covered = [sample.coverage for sample in samples if sample.coverage is not None]
    lengths = [sample.tokens for sample in samples if sample.tokens is not None]
    return {
        "accuracy": share(sum(sample.correct is True for sample in scored), len(scored)),
        "answered": share(sum(sample.outcome == "answered" for sample in samples), n),
        "closing": share(closing, n),
        "flexible": flexible(
            [one for one in scored if not questions[one.question_id].options], questions
        ),
        "option_by_option": share(
            sum(one.style == "option_by_option" for one in chosen), len(chosen)
        ),
        "cut": mean(float(sample.finish_reason == "length") for sample in samples),
        "coverage": mean(covered),
        "length": mean(lengths),
        "letters": letters(samples),
        "gold": gold(samples, questions),
        "errors": sum(sample.error is not None for sample in samples),
    }


def flexible(samples: Sequence[Sample], questions: Mapping[str, Question]) -> Interval | None:
    """Right free answers where the last number stands in for a closing one; None without any."""
    if not samples:
        return None
    hits = 0
    for sample in samples:
        number = sample.answer or last_number(sample.readable)
        key = questions[sample.question_id].answer_text
        said = number is not None and key is not None and same_number(number, key)
        hits += sample.correct is True or said
    return share(hits, len(samples))


def grouped(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Question -> its samples."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        found[sample.question_id].append(sample)
    return dict(found)


def counts(samples: Iterable[Sample]) -> dict[str, int]:
    """Reason -> samples."""
    return dict(Counter(sample.reason for sample in samples))


def solved_questions(samples: Iterable[Sample]) -> frozenset[str]:
    """Questions with a kept sample: one beyond the cap counts, it is as good."""
    return frozenset(sample.question_id for sample in samples if sample.reason in GOOD)


def pass_at_k(samples: Sequence[Sample], k: int | None = None) -> float:
    """The chance that one of k samples is right, unbiased (Chen et al. 2021, section 2.1)."""
    n, right = len(samples), sum(sample.correct is True for sample in samples)
    k = n if k is None else min(k, n)
    if n - right < k:
        return 1.0
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def majority(samples: Sequence[Sample]) -> Sample | None:
    """The first with the most frequent answer; the earlier one where two are as frequent."""
    answered = [one for one in samples if one.answer is not None and one.answer != MULTI]
    if not answered:
        return None
    top = Counter(one.answer for one in answered).most_common(1)[0][0]
    return next(one for one in answered if one.answer == top)


def majority_right(samples: Sequence[Sample]) -> bool:
    """Whether the most frequent answer is right."""
    found = majority(samples)
    return found is not None and found.correct is True


def distinct(by_question: Mapping[str, Sequence[Sample]]) -> float | None:
    """Different right rationales a question, over the questions that have any."""
    found = [
        len({fingerprint(sample) for sample in rows if sample.correct})
        for rows in by_question.values()
        if any(sample.correct for sample in rows)
    ]
    return mean(found)


def letters(samples: Iterable[Sample]) -> dict[str, int]:
    """Label -> how often it was chosen, in the order of the labels."""
    found: Counter[str] = Counter()
    for sample in samples:
        found.update(label for label, option in sample.shown.items() if option == sample.answer)
    return dict(sorted(found.items()))


def gold(samples: Iterable[Sample], questions: Mapping[str, Question]) -> dict[str, int]:
    """Label -> how often the right option stood under it, in the order of the labels."""
    found: Counter[str] = Counter()
    for sample in samples:
        right = questions[sample.question_id].answer_id
        found.update(label for label, option in sample.shown.items() if option == right)
    return dict(sorted(found.items()))


def mean(values: Iterable[float | int]) -> float | None:
    """The mean; None over nothing."""
    found = list(values)
    return statistics.fmean(found) if found else None


def _closes(sample: Sample, question: Question) -> bool:
    if not question.options:
        return sample.answer is not None
    if sample.answer is None or sample.answer == MULTI:
        return False
    return closes_well(sample.readable, shown_options(sample, question), sample.answer)


def accuracy_of(metrics: IterationMetrics) -> float | None:
    """Validation accuracy; None where none was held out."""
    return metrics.accuracy.value if metrics.accuracy else None


def best_of(done: Sequence[IterationMetrics]) -> int:
    """The trained iteration of the highest validation accuracy, the earlier one of equals.

    The last one where nothing was held out; 0 where nothing was trained.
    """
    trained = [metrics for metrics in done if metrics.iteration > 0]
    if not trained:
        return 0
    if all(accuracy_of(metrics) is None for metrics in trained):
        return trained[-1].iteration
    return max(trained, key=lambda one: (accuracy_of(one) or 0.0, -one.iteration)).iteration


FEW = 300
"""Fewer validation questions than that cannot tell a gain of a few points."""
DISCORDANT = 0.15
"""Questions that one of two rounds alone has right, of all: what is seen between rounds."""


def why_stop(done: Sequence[IterationMetrics], config: StarConfig) -> str | None:
    """Why no further iteration is worth it; None to go on.

    An iteration counts as no better only where a gain over the best before it can be ruled out:
    the upper limit of its paired 95 % interval is below `smallest_gain`. That nothing was shown
    stops nothing.
    """
    least, flat = config.evaluation.smallest_gain, 0
    for one in reversed([metrics for metrics in done if metrics.iteration > 0]):
        if one.gain is None or one.gain.high is None or one.gain.high >= least:
            break
        flat += 1
    if flat < config.evaluation.patience:
        return None
    return (
        f"a gain of {100 * least:g} points is ruled out for {flat} iterations: the loop stops, the "
        f"best is iteration {best_of(done)}"
    )


def alarms(done: Sequence[IterationMetrics]) -> list[str]:
    """What went wrong in the last iteration while its accuracy may look fine.

    The chance of any right sample (pass@k) fell against the iteration before, by more than twice
    its standard error; or fewer responses give an answer than the base gave.
    """
    if len(done) < 2:
        return []
    *_, before, now = done
    found = []
    if before.pass_at_k is not None and now.pass_at_k is not None and now.questions:
        middle = (before.pass_at_k + now.pass_at_k) / 2
        error = math.sqrt(2 * middle * (1 - middle) / now.questions)
        if before.pass_at_k - now.pass_at_k > 2 * error:
            found.append(
                f"pass@k fell from {100 * before.pass_at_k:.0f} to {100 * now.pass_at_k:.0f} %: "
                f"the model explores less"
            )
    first, last = done[0].answered, now.answered
    low, high = first.low if first else None, last.high if last else None
    if low is not None and high is not None and high < low:
        found.append("fewer validation responses give an answer than those of the base")
    return found


def few_questions(held: int) -> str | None:
    """What too few validation questions cannot tell; None where they are enough, or none."""
    if not 0 < held < FEW:
        return None
    margin = 1.96 * math.sqrt(DISCORDANT / held)
    return (
        f"{held} validation questions: two rounds that differ by less than about "
        f"{100 * margin:.0f} points cannot be told apart; {FEW} or more can tell "
        f"{100 * 1.96 * math.sqrt(DISCORDANT / FEW):.0f}"
    )
