"""Readers are loaded by name: those that come with the project, and anybody's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from starprobe.bench.readers import DEFAULT_READER, Reading, error_counts, load_reader, read_one
from starprobe.bench.readers.base import verdict
from starprobe.bench.records import Treatment, Verdict
from starprobe.probes.errors import InputError
from starprobe.probes.schema import ShownOption


class Plugin:
    """The smallest reader: it names every option."""

    name = "plugin-1"
    parallel = False

    def read(self, readings: Iterable[Reading]) -> Iterator[Verdict | None]:
        for one in readings:
            named = {shown.label: Treatment(treatment="named") for shown in one.shown}
            yield verdict(one, named, None, "no_answer", False, self.name)

    def errors(self) -> None:
        return None

    def close(self) -> None:
        pass


def test_a_reader_of_ones_own_is_loaded_by_module_and_name() -> None:
    reader = load_reader("tests.bench.readers.test_loading:Plugin")
    shown = (ShownOption(label="A", option_id="a", text="basket"),)
    found = read_one(reader, Reading("r", "Anything.", "What?", shown))
    assert (found.style, found.coverage, found.classifier) == ("direct", 0.0, "plugin-1")


@pytest.mark.parametrize(
    "name", ["nobody", "judge:", "no.such.module:Reader", "tests.bench.readers.test_loading:Nobody"]
)
def test_a_name_of_nobody_is_one_line_that_says_so(name: str) -> None:
    with pytest.raises(InputError) as raised:
        load_reader(name)
    assert repr(name) in str(raised.value) and "\n" not in str(raised.value)


def test_the_default_reader_can_be_loaded() -> None:
    assert load_reader(DEFAULT_READER).name.partition("-")[0] == DEFAULT_READER


def test_a_reader_that_was_never_measured_has_no_error_counts() -> None:
    assert error_counts("judge:openai:any-1") is None
    counts = error_counts(load_reader("rules").name)
    assert counts is not None and 0 < counts.true_positives <= counts.positives
