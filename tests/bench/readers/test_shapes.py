"""The readers against responses of many shapes that they were not fitted on."""

from __future__ import annotations

import pytest

from starprobe.bench.readers import load_classifier
from starprobe.bench.readers.annotated import code_of
from starprobe.bench.readers.base import Reading
from starprobe.probes.schema import ShownOption

from .shapes import MORE_SHAPES, Shape
from .shapes import SHAPES as FIRST_SHAPES
from .shapes_treated import SHAPES_TREATED

LEARNED = load_classifier("learned")
SHAPES = (*FIRST_SHAPES, *MORE_SHAPES, *SHAPES_TREATED)


def reading_of(shape: Shape, labels: str = "ABCDEFGHIJ") -> Reading:
    stem, options = shape.asked
    shown = tuple(
        ShownOption(label=label, option_id=f"o{number}", text=text)
        for number, (label, text) in enumerate(zip(labels, options, strict=False), 1)
    )
    return Reading(shape.name, shape.text, stem, shown)


def fits(expected: str, code: str) -> bool:
    return (
        code[0] == "r"
        if expected == "r"
        else code == {"0": "0", "n": "n"}.get(expected, "r" + expected)
    )


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_the_answer_is_found(shape: Shape) -> None:
    verdict = LEARNED.classify(reading_of(shape))
    assert (verdict.answer, verdict.outcome) == (shape.answer, shape.outcome)


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_reasons_are_found_where_they_are(shape: Shape) -> None:
    verdict = LEARNED.classify(reading_of(shape))
    reasoned = [t.treatment == "reasoned" for t in verdict.options.values()]
    assert reasoned == [code not in "0n" for code in shape.codes]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_spans_lie_inside_and_in_order(shape: Shape) -> None:
    for treatment in LEARNED.classify(reading_of(shape)).options.values():
        flat = [place for span in treatment.spans for place in span]
        assert flat == sorted(flat) and all(0 <= place <= len(shape.text) for place in flat)
        assert bool(treatment.spans) or treatment.treatment != "reasoned"


def test_codes_of_most_shapes_are_exact() -> None:
    right = total = 0
    for shape in SHAPES:
        verdict = LEARNED.classify(reading_of(shape))
        for expected, treatment in zip(shape.codes, verdict.options.values(), strict=True):
            right += fits(expected, code_of(treatment))
            total += 1
    assert right / total > 0.9
