"""One thing of each kind that a package can bring to starprobe; docs/plugins.md explains them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from starprobe.bench.importers import Sample
from starprobe.bench.metrics.definitions import Definition
from starprobe.bench.models import BackendOptions, Request
from starprobe.bench.readers.base import Reading, verdict
from starprobe.bench.records import Generation, ModelInfo, Treatment, Verdict
from starprobe.probes.conditions import Condition
from starprobe.probes.schema import Option, ProbeSet, Question


class Parrot:
    """A backend: says the name of the model, and the first option with an exclamation mark."""

    def __init__(self, name: str, url: str | None, options: BackendOptions) -> None:
        self.name = name

    def info(self) -> ModelInfo:
        return ModelInfo(name=f"parrot:{self.name}", revision="1")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        for request in requests:
            first = request.prompt.shown[0]
            text = f"{self.name} says ({first.label}) {first.text}!"
            yield request.id, Generation(text=text, finish_reason="stop")

    def close(self) -> None:
        pass


class ShoutReader:
    """A reader: an option counts as reasoned about where an exclamation mark follows its text."""

    name = "shouts-1"
    parallel = True

    def read(self, readings: Iterable[Reading]) -> Iterator[Verdict | None]:
        for reading in readings:
            said: dict[str, Treatment] = {}
            for option in reading.shown:
                shout = f"{option.text}!"
                start = reading.text.find(shout)
                said[option.label] = (
                    Treatment()
                    if start < 0
                    else Treatment(
                        treatment="reasoned", side="for", spans=((start, start + len(shout)),)
                    )
                )
            shouted = [label for label, one in said.items() if one.spans]
            answer = shouted[0] if shouted else None
            outcome = "answered" if shouted else "no_answer"
            yield verdict(reading, said, answer, outcome, general=False, name=self.name)

    def errors(self) -> None:
        return None

    def close(self) -> None:
        pass


class importer:
    """An importer: rows with a field `squawk`."""

    @staticmethod
    def fits(row: Mapping[str, Any]) -> bool:
        return "squawk" in row

    @staticmethod
    def samples(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Sample]:
        for where, row in rows:
            yield Sample(where=where, question=row["asked"], response=row["squawk"], model="macaw")


def _exclamations(table: pd.DataFrame) -> np.ndarray:
    return table["text"].str.count("!").to_numpy(dtype=np.float64)


EXCLAMATIONS = Definition(
    "exclamations", "mean", _exclamations, "exclamation marks a response", needs=()
)
"""A metric: one number a row of the frame; intervals, tests and tables come by themselves."""

POLITELY = Condition(
    name="politely", about="Asks politely.", instruction="Please be so kind as to answer."
)
"""A way of asking."""


def birds() -> ProbeSet:
    """A set of questions."""
    options = tuple(Option(id=name, text=name) for name in ("penguin", "parrot", "swift"))
    stem = "Which of these birds cannot fly?"
    return ProbeSet(
        name="birds",
        questions=(Question(id="flightless", stem=stem, options=options, answer_id="penguin"),),
    )


def loud(question: Question, text: str) -> bool:
    """A verifier for training: right where the key is shouted."""
    return question.answer_id is not None and f"{question.option(question.answer_id).text}!" in text
