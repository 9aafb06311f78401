"""Sums on a scratchpad: the form, what verifies it, and the whole experiment with a tiny model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from starprobe.star.experiments.addition import (
    ARMS,
    Size,
    arm,
    make_files,
    make_tiny,
    pooled,
    question,
    run,
    scratchpad,
    table,
    working,
)
from starprobe.star.folder import Training
from starprobe.star.verify import false_claims

SUM = question(357, 486)


def test_a_working_goes_from_right_to_left_and_states_nothing_false() -> None:
    assert working(357, 486).splitlines() == [
        "357 + 486: 7 + 6 + 0 = 13, write 3.",
        "35 + 48: 5 + 8 + 1 = 14, write 43.",
        "3 + 4: 3 + 4 + 1 = 8, write 843.",
        "The answer is 843.",
    ]
    assert working(9, 8) == "9 + 8: 9 + 8 + 0 = 17, write 17.\nThe answer is 17."
    for first, second in ((357, 486), (0, 0), (99999, 1), (10, 909)):
        assert false_claims(working(first, second)) == []


@pytest.mark.parametrize(
    ("text", "right", "fault"),
    [
        (working(357, 486), True, None),
        (working(357, 486).replace("5 + 8 + 1 = 14", "5 + 8 + 0 = 13"), True, "8 + 0"),
        ("357 + 486 = 843.\nThe answer is 843.", True, "357 + 486"),
        (working(357, 486).replace("The answer is 843", "The answer is 842"), False, "842"),
        ("357 + 486: 7 + 6 + 0 = 13, write 3.", None, "no line"),
    ],
)
def test_only_a_whole_working_holds(text: str, right: bool | None, fault: str | None) -> None:
    found = scratchpad(SUM, text)
    assert found.right is right
    assert found.faults == () if fault is None else fault in found.faults[0]


def test_no_sum_is_in_two_files_and_every_length_is_in_each(tmp_path: Path) -> None:
    make_files(tmp_path, Size(), 0)
    rows = {
        name: [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        for name in ("seed", "train", "test")
    }
    sums = [
        {tuple(sorted(row["operands"])) for row in rows[name]} for name in ("seed", "train", "test")
    ]
    assert not sums[0] & sums[1] and not sums[1] & sums[2] and not sums[0] & sums[2]
    assert len(rows["seed"]) == 100 and len(sums[0]) == 50
    assert len(rows["train"]) == 350 and len(rows["test"]) == 265
    assert {row["digits"] for row in rows["test"]} == {1, 2, 3, 4, 5, 6}


def test_the_tiny_model_is_a_plain_folder_and_reads_a_sum_digit_by_digit(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(make_tiny(tmp_path / "one", 0))
    text = f"Question: {question(357, 486, told=True).stem}\nAnswer: {working(357, 486)}"
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text and len(ids) == 80
    assert tokenizer.decode(tokenizer("Why, is it so?")["input_ids"]) == "Why, is it so?"
    models = [
        AutoModelForCausalLM.from_pretrained(folder)
        for folder in (tmp_path / "one", make_tiny(tmp_path / "again", 0))
    ]
    assert sum(one.numel() for one in models[0].parameters()) < 500_000
    first, again = (next(one.parameters()) for one in models)
    assert first.equal(again)


@pytest.mark.parametrize("name", list(ARMS))
def test_every_arm_makes_a_configuration(name: str, tmp_path: Path) -> None:
    config = arm(tmp_path, name, "hf:base", 3, {})
    assert config.seed == 3 and config.training.min_steps == 60
    assert config.rationalization.arrives is (name != "answer_only")


def test_the_experiment_runs_from_the_seed_to_the_table(tiny_model: Path, tmp_path: Path) -> None:
    small = Size(examples=(2,) * 5, train=3, test=2)
    changes = {"steps": 1, "iterations": 1, "max_tokens": 8, "min_rows": 1, "batch_size": 16}
    found = run(tmp_path, f"hf:{tiny_model}", 0, small, changes, ("direct", "gold"))
    lines = list(table(found))
    assert lines[2].startswith("| seeded base | ") and lines[3].startswith("| direct, 1 | ")
    assert lines[-1].startswith("| gold, 1 | ") and len(lines) == 5
    tested = found["gold"].tested()
    assert tested is not None
    tiers = tested.of(1).by_tier
    assert list(tiers) == [f"{number} digits" for number in (1, 2, 3, 4, 5, 6)]
    assert tiers["3 digits"].n == 2 and tested.of(1).accuracy.n == 12  # type: ignore[union-attr]
    together = list(pooled([tmp_path]))
    assert [line.split(" | ")[0] for line in together[2:]] == ["| direct", "| gold"]
    right = sum(one.correct is True for one in found["gold"].iteration(1).test())
    assert f", {100 * right / 12:.1f}, " in together[3]
    gold = found["gold"].iteration(1).train_rows()
    assert len(gold) == 15 and all("The answer is" in row.completion for row in gold)
    assert not any("(The answer" in row.prompt for row in gold)
    assert (
        list(table(run(tmp_path, f"hf:{tiny_model}", 0, small, changes, ("direct", "gold"))))
        == lines
    )


@pytest.mark.slow
def test_two_arms_that_are_started_at_once_share_one_seeded_base(
    tiny_model: Path, tmp_path: Path
) -> None:
    code = f"""if True:
        import sys
        from pathlib import Path
        from starprobe.star.experiments.addition import Size, run
        changes = {{"steps": 1, "iterations": 1, "max_tokens": 8, "min_rows": 1, "backend": "hf"}}
        size = Size(examples=(2,) * 5, train=2, test=1)
        run(Path({str(tmp_path / "e")!r}), "hf:{tiny_model}", 0, size, changes, sys.argv[1:])
    """
    started = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("direct", "gold")]
    assert [one.wait() for one in started] == [0, 0]
    bases = {Training(tmp_path / "e" / name).config.model for name in ("direct", "gold")}
    assert bases == {f"hf:{(tmp_path / 'e' / 'seeded' / 'merged').resolve()}"}
