"""What may be unlearnt: our own sets by bench's runner, lm-eval tasks by lm-eval, both paired."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.lm_eval_tasks.evaluating import DocumentScore, scores_of
from starprobe.probes.errors import InputError
from starprobe.star.config import make_config
from starprobe.star.evaluate import by_documents, is_ours, look_ahead
from starprobe.star.loop import train
from starprobe.star.tables import differences
from starprobe.star.tuning.export import card
from tests.star.test_loop import small


def score(document: str, value: float, metric: str = "acc") -> DocumentScore:
    return DocumentScore(task="t", metric=metric, document=document, value=value)


def test_documents_are_paired_as_shares_or_as_means() -> None:
    before = [*(score(str(i), float(i < 6)) for i in range(8)), score("0", 1.5, "length")]
    after = [*(score(str(i), float(i < 1)) for i in range(8)), score("0", 4.0, "length")]
    rows = by_documents([*before, score("gone", 1.0)], after, ("a", "b"))
    accuracy, length = rows
    assert (accuracy.metric, accuracy.kind, accuracy.n) == ("t: acc", "rate", 8)
    assert (accuracy.before_only, accuracy.after_only) == (5, 0)
    assert accuracy.p == pytest.approx(2 * 0.5**5)
    assert (length.kind, length.difference) == ("mean", 2.5)


def test_scores_are_the_numbers_of_each_document_and_filter() -> None:
    rows = [
        {"doc_id": 3, "filter": "strict", "metrics": ["exact_match", "bleu"], "exact_match": 1,
         "bleu": (["a"], ["b"])},
        {"doc_id": 3, "filter": "none", "metrics": ["acc"], "acc": 0.0},
    ]  # fmt: skip
    found = [(one.task, one.metric, one.document, one.value) for one in scores_of({"gsm": rows})]
    assert found == [("gsm", "exact_match,strict", "3", 1.0), ("gsm", "acc", "3", 0.0)]


def test_names_are_ours_or_lm_evals_and_unknown_ones_are_told_before_training(
    tmp_path: Path,
) -> None:
    assert is_ours("science") and is_ours("numbers:test:n=3") and is_ours("mine.jsonl")
    assert not is_ours("hellaswag")
    config = make_config("smollm2", "numbers:train", overrides={"forgetting": ("none.jsonl",)})
    with pytest.raises(InputError, match="no such file"):
        look_ahead(config)
    pytest.importorskip("lm_eval")
    for folder, said in ((tmp_path / "no", "no such folder"), (tmp_path, "no task 'hellaswag' in")):
        changes = {"forgetting": ("hellaswag",), "forgetting_from": str(folder)}
        with pytest.raises(InputError, match=said):
            look_ahead(make_config("smollm2", "numbers:train", overrides=changes))


@pytest.mark.slow
def test_base_and_chosen_are_asked_both_ways_and_never_again(
    tiny_model: Path, numbers_file: Path, tutor: Any, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    from starprobe.bench.lm_eval_tasks import ExportConfig, export_tasks
    from starprobe.bench.records import Sampling

    export = ExportConfig(
        probes=("everyday",), limit=3, sampling=Sampling(max_tokens=8), reader="rules"
    )
    (task,) = export_tasks(tmp_path / "tasks", export)
    config = small(
        tiny_model, numbers_file, iterations=1, forgetting=("science", task),
        forgetting_from=str(tmp_path / "tasks"), forgetting_limit=3,
    )  # fmt: skip
    training = train(config, tmp_path / "t", load=tutor)
    found = training.forgetting()
    assert found is not None and found.best == 1
    metrics = {row.metric: row for row in found.comparisons}
    assert {"science: accuracy", f"{task}: accuracy,all"} <= set(metrics)
    assert all(row.n == 3 for row in metrics.values())
    said = list(differences(found.comparisons))
    assert any(line.startswith("science: right:") for line in said)
    assert all(f"| forgetting | {line} |" in card(training, "peft") for line in said)
    files = {path: path.read_bytes() for path in training.path.rglob("*") if path.is_file()}
    train(config, tmp_path / "t", load=tutor)
    assert files == {path: path.read_bytes() for path in training.path.rglob("*") if path.is_file()}
    (training.path / "forgetting.json").unlink()
    again = train(config, tmp_path / "t", load=tutor).forgetting()
    assert again == found
    from starprobe.bench.metrics import compare, frame
    from starprobe.bench.run_folder import Run

    sides = [Run(training.forgetting_folder / "science" / f"iteration_00{i}") for i in (0, 1)]
    assert compare(frame(sides[0]), frame(sides[1]), ["accuracy"])[0].n == 3
