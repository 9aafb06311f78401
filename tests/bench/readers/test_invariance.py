"""Verdicts do not hang on the letters of the options, nor on their order."""

from __future__ import annotations

from itertools import permutations

import pytest

from starprobe.bench.readers import load_reader, read_one
from starprobe.bench.readers.base import Reading
from starprobe.bench.records import Verdict
from starprobe.probes.schema import ShownOption

READERS = {name: load_reader(name) for name in ("rules",)}
STEM = "What can be used to carry a small dog?"
OPTIONS = ("swimming pool", "basket", "dog show", "backyard", "own home")
SCHEMES = {
    "upper": "ABCDE",
    "lower": "abcde",
    "digits": "12345",
    "late letters": "PQRST",
    "roman": ["i", "ii", "iii", "iv", "v"],
}
TEMPLATES = {
    "bare answer": "The answer is ({1}).",
    "answer colon": "Answer: {1}",
    "lines": (
        "{0}. swimming pool: it is filled with water and fixed in the ground.\n"
        "{1}. basket: it has a handle and a soft bottom.\n"
        "{2}. dog show: an event with judges and visitors.\n"
        "{3}. backyard: a piece of land behind a house.\n"
        "{4}. own home: a building where people live.\n\n"
        "The answer is ({1})."
    ),
    "brackets": (
        "({0}) A pool is full of water. ({1}) A basket has handles and holds things. ({2}) A show "
        "is an "
        "event. ({3}) A yard is land. ({4}) A home is a building. So the answer is ({1})."
    ),
    "option words": (
        "Option {0} is wrong because it is filled with water. Option {1} has a handle and a soft "
        "bottom. Option {2} is an event with judges.\n\nThe correct answer is option {1}."
    ),
    "headings": (
        "**Option {0}: swimming pool**\nIt cannot be lifted, being fixed in the ground.\n\n"
        "**Option {1}: basket**\nIts handle lets you lift whatever lies in it.\n\n**Answer: ({1})**"
    ),
    "no labels": (
        "A basket has a handle and a soft bottom, so it holds an animal safely. A swimming pool is "
        "fixed in the ground. A dog show is an event with judges."
    ),
}


def read(reader: str, text: str, labels: list[str], options: tuple[str, ...] = OPTIONS) -> Verdict:
    shown = tuple(
        ShownOption(label=label, option_id=option, text=option)
        for label, option in zip(labels, options, strict=True)
    )
    return read_one(READERS[reader], Reading("x", text, STEM, shown))


def by_text(verdict: Verdict, labels: list[str], options: tuple[str, ...]) -> tuple[object, ...]:
    names = dict(zip(labels, options, strict=True))
    treated = {
        names[label]: (treatment.treatment, treatment.side)
        for label, treatment in verdict.options.items()
    }
    answer = names.get(verdict.answer or "", verdict.answer)
    return treated, answer, verdict.outcome, verdict.general, verdict.style


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_other_labels_give_the_same_verdict(reader: str, template: str, scheme: str) -> None:
    expected = read(reader, TEMPLATES[template].format(*"ABCDE"), list("ABCDE"))
    labels = list(SCHEMES[scheme])
    verdict = read(reader, TEMPLATES[template].format(*labels), labels)
    assert by_text(verdict, labels, OPTIONS) == by_text(expected, list("ABCDE"), OPTIONS)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_another_order_of_the_options_gives_the_same_verdict(reader: str, template: str) -> None:
    labels = list("ABCDE")
    expected = by_text(read(reader, TEMPLATES[template].format(*labels), labels), labels, OPTIONS)
    for order in list(permutations(range(5)))[::17]:
        options = tuple(OPTIONS[place] for place in order)
        new_label = {OPTIONS[place]: label for place, label in zip(order, labels, strict=True)}
        text = TEMPLATES[template].format(*(new_label[option] for option in OPTIONS))
        assert by_text(read(reader, text, labels, options), labels, options) == expected, order
