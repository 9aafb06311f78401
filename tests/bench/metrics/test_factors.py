"""Designs: the effect of one factor is told over the levels of the others."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from starprobe import RunConfig, classify_run, metrics, run
from starprobe.bench.metrics.contrasts import levels_of
from starprobe.bench.models import Request
from starprobe.bench.records import Generation, ModelInfo

SUITE = """
[[block]]
set = "dates:test:n=30"
conditions = ["plain"]
orders = 5
wordings = [0, 1]
labels = ["upper", "digits"]
"""


class Unsettled:
    """Right where the labels are letters and the stem is the first one, else the first option."""

    def info(self) -> ModelInfo:
        return ModelInfo(name="mine:unsettled")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        for one in requests:
            right = next(o for o in one.prompt.shown if o.option_id == one.prompt.answer_id)
            known = right.label.isalpha() and "paraphrase" not in one.prompt.condition
            shown = right if known else one.prompt.shown[0]
            yield one.id, Generation(text=f"({shown.label}) {shown.text}", finish_reason="stop")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("cells", ["", "cells = 7\n"])
def test_the_effect_of_each_factor_is_that_of_the_model(tmp_path: Path, cells: str) -> None:
    (tmp_path / "design.toml").write_text(SUITE + cells)
    made = run(RunConfig(models=Unsettled(), suite=str(tmp_path / "design.toml")), tmp_path / "r")
    classify_run(made, "rules")
    (rows,) = metrics(made.path).factors.values()
    found = {row.condition: row for row in rows if row.metric == "accuracy"}
    # The first of five orders is right in one of five questions: 0.2 by chance, else 1.
    for name in ("plain, labels upper -> digits", "plain, wording 0 -> 1"):
        row = found[name]
        assert row.low is not None and row.high is not None
        assert row.low <= -0.4 <= row.high and row.verdict == "less", row
    orders = [row for name, row in found.items() if "order" in name]
    assert len(orders) == 4
    assert all(row.low is not None and row.low <= 0 <= (row.high or 0) for row in orders)
    assert {row.n for row in found.values()} == {30}


def test_conditions_that_are_not_crossed_are_no_design(tmp_path: Path) -> None:
    config = RunConfig(
        models=Unsettled(),
        probes="dates:test:n=6",
        conditions=("plain", "paraphrase1", "labels_digits"),
    )
    made = run(config, tmp_path / "r")
    classify_run(made, "rules")
    assert set(metrics(made.path).factors.values()) == {()}


def test_wording_and_labels_are_parts_of_a_conditions_name() -> None:
    assert levels_of("scratchpad+labels_digits+paraphrase1") == ("scratchpad", "1", "digits")
    assert levels_of("plain") == ("plain", "0", "upper")
    assert levels_of("paraphrase2") == ("plain", "2", "upper")
