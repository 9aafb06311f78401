"""The learned reader: logistic models over the named features, as plain numbers from a JSON file.

Needs no scikit-learn: a model is a weight a feature and a bias. Knows features, not text.
"""

from __future__ import annotations

import json
from importlib.resources import files
from math import exp
from operator import mul
from typing import Any, NamedTuple

from starprobe.bench.readers.base import Reading
from starprobe.bench.readers.examine import Decision, Examined, examine, verdict
from starprobe.bench.readers.features import (
    GENERAL,
    REASONED,
    WHOLE,
    general_features,
    reasoned_features,
    whole_features,
)
from starprobe.bench.readers.sides import side_of
from starprobe.bench.readers.summaries import (
    Summary,
    crowd_of,
    in_passing,
    listed_only,
    summarise,
)
from starprobe.bench.records import Verdict

VERSION = 1
FILE = "coefficients.json"
LOOSE = 4
"""Novel words outside of all options that make general reasoning, by rule."""
UNSEEN = 0.01
"""Probability that an option is reasoned about that no segment refers to."""

REPEATED = 0.2
"""At most the probability of a reason that only repeats or denies words of option and question."""


class Linear(NamedTuple):
    """A logistic model over raw features."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, features: list[float]) -> float:
        """The probability, 0 to 1."""
        total = self.bias + sum(map(mul, self.weights, features))
        if total < -30.0:
            return 0.0
        return 1.0 / (1.0 + exp(-total))


class Models(NamedTuple):
    """All that is learned."""

    reasoned: Linear
    general: Linear
    whole: Linear
    """Calibrated: the response goes option by option."""


def models_of(stored: dict[str, Any]) -> Models:
    """The models of a coefficients file.

    Raises:
        ValueError: the file was made for other features.
    """
    return Models(
        *(
            _linear(stored["models"][name], names)
            for name, names in (("reasoned", REASONED), ("general", GENERAL), ("whole", WHOLE))
        )
    )


def _linear(stored: dict[str, Any], names: tuple[str, ...]) -> Linear:
    weights = stored["weights"]
    if set(weights) != set(names):
        odd = sorted(set(weights) ^ set(names))
        raise ValueError(
            f"the coefficients are of other features: {', '.join(odd[:3])}; train again"
        )
    return Linear(tuple(float(weights[name]) for name in names), float(stored["bias"]))


def shipped() -> dict[str, Any]:
    """The coefficients file that comes with the package, with its provenance."""
    text = files("starprobe.bench.readers").joinpath(FILE).read_text(encoding="utf-8")
    stored: dict[str, Any] = json.loads(text)
    return stored


class LearnedClassifier:
    """Reads by learned weights over transparent features."""

    def __init__(self, models: Models | None = None, name: str = "") -> None:
        """The shipped models, or others."""
        if models is None:
            stored = shipped()
            models = models_of(stored)
            name = f"learned-{VERSION}.{stored['provenance']['data_hash'][:6]}"
        self.models = models
        self.name = name or f"learned-{VERSION}"

    def classify(self, reading: Reading) -> Verdict:
        """The verdict, with a calibrated probability that it goes option by option."""
        examined = examine(reading)
        summaries = summaries_of(examined)
        probabilities = self.probabilities(examined, summaries)
        decisions = decide(examined, summaries, probabilities)
        general = self.goes_general(examined, probabilities)
        whole = None
        if len(reading.shown) >= 2:
            features = whole_features(examined, probabilities, UNSEEN)
            whole = self.models.whole.probability(features)
        return verdict(reading, examined, decisions, examined.answer, general, whole, self.name)

    def goes_general(self, examined: Examined, probabilities: dict[int, float]) -> bool:
        """Whether there is reasoning about no single option; by rule where there are no options."""
        if not examined.options.labels:
            return examined.loose >= LOOSE or examined.equations > 0
        features = general_features(examined, probabilities)
        return self.models.general.probability(features) >= 0.5

    def probabilities(self, examined: Examined, summaries: dict[int, Summary]) -> dict[int, float]:
        """Option -> probability that it is reasoned about, for the options referred to."""
        return bounded(
            self.models.reasoned, examined, summaries, reasoned_rows(examined, summaries)
        )


def summaries_of(examined: Examined) -> dict[int, Summary]:
    """Option -> summary of its evidence."""
    return {option: summarise(found) for option, found in examined.evidence.items()}


def bounded(
    model: Linear, examined: Examined, summaries: dict[int, Summary], rows: dict[int, list[float]]
) -> dict[int, float]:
    """Option -> probability that it is reasoned about.

    Low where not one word of it is new, in a list with hardly a word to it, and where it is spoken
    of in passing only; of the answer even a repetition of what is asked may be a reason.
    """
    answer = examined.answer.answer
    others = sum(option != answer for option in summaries)
    found = {option: model.probability(features) for option, features in rows.items()}
    for option, summary in summaries.items():
        if option == answer:
            low = not summary.total and not summary.asked
        else:
            alone = answer is not None and others == 1
            low = not summary.total or listed_only(summary) or (alone and in_passing(summary))
        if low and found[option] > REPEATED:
            found[option] = REPEATED
    return found


def reasoned_rows(examined: Examined, summaries: dict[int, Summary]) -> dict[int, list[float]]:
    """Option -> its REASONED features."""
    crowd = crowd_of(summaries, len(examined.options.labels))
    return {
        option: reasoned_features(summary, crowd, examined, option)
        for option, summary in summaries.items()
    }


def decide(
    examined: Examined, summaries: dict[int, Summary], probabilities: dict[int, float]
) -> dict[int, Decision]:
    """Option -> treatment and side; options that only a copied list holds are left out."""
    crowd = crowd_of(summaries, len(examined.options.labels))
    answered = (examined.answer.answer, *examined.answer.members)
    decisions: dict[int, Decision] = {}
    for option, probability in probabilities.items():
        if probability >= 0.5:
            side = side_of(summaries[option], crowd, examined, option)
            decisions[option] = Decision("reasoned", side, probability)
        elif option not in examined.restated or option in answered:
            decisions[option] = Decision("named", None, probability)
    for chosen in answered:
        if chosen is not None and chosen not in decisions:
            decisions[chosen] = Decision("named", None, UNSEEN)
    return decisions
