"""Held-out questions after the choice: the test, and what may be unlearnt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.models.lm_eval import DocumentScore, scores_of
from starprobe.bench.statistics.intervals import wilson
from starprobe.bench.statistics.paired import mcnemar
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.sets import load_probe_set
from starprobe.star.config import make_config, values
from starprobe.star.evaluate import by_documents, compared, is_ours, look_ahead
from starprobe.star.folder import Training
from starprobe.star.loop import train
from starprobe.star.questions import held_back
from starprobe.star.tables import differences
from starprobe.star.tuning.export import card
from tests.star.conftest import Tutor
from tests.star.test_loop import small
from tests.star.test_measure import sample

Loader = Callable[[str, Any], Tutor]


def test_base_and_chosen_are_asked_once_and_compared_on_the_same_questions(
    tiny_model: Path, numbers_file: Path, exam: Path, learner: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, test=str(exam), iterations=1)
    training = train(config, tmp_path / "t", load=learner)
    known = {one.id for one in load_probe_set(exam).questions}
    asked = [(name, one) for name, one in learner.prompts if one in known]
    assert len(asked) == len(set(asked)) == 60
    tested = training.tested()
    assert tested is not None and tested.best == training.best == 1
    base, best = tested.of(0).accuracy, tested.of(1).accuracy
    odd = sum(sum(map(ord, name)) % 2 == 1 for name in known)
    assert base is not None and best is not None
    assert (base.value, base.n) == (odd / 30, 30) and 0 < odd < 30
    assert (base.low, base.high) == wilson(odd, 30)
    assert best.value == 1
    row = tested.comparisons[0]
    assert (row.metric, row.before_only, row.after_only) == ("accuracy", 0, 30 - odd)
    assert row.p == mcnemar(0, 30 - odd) and row.test == "McNemar, exact"
    assert [one.metric for one in tested.comparisons] == [
        "accuracy", "outcome_answered", "full_breakdown",
    ]  # fmt: skip
    shown = card(training, "peft")
    assert f"| test accuracy ({exam}), after | 100.0 %" in shown
    assert next(differences(tested.comparisons)) in shown


def test_no_copy_of_a_test_question_is_trained_on_or_validated_with(
    tiny_model: Path, numbers_file: Path, exam: Path, learner: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, test=str(exam), method="base")
    training = train(config, tmp_path / "t", load=learner)
    splits, first = training.splits(), load_probe_set(numbers_file).questions[:2]
    assert splits is not None and set(splits.removed) >= {one.id for one in first}
    assert all("exam/copy-" in splits.removed[one.id] for one in first)
    assert not set(splits.removed) & {*splits.train, *splits.validation}
    tested = training.tested()
    assert tested is not None and tested.best == 0 and tested.comparisons == ()
    assert [one.iteration for one in tested.scored] == [0]


def test_every_iteration_is_tested_on_request_and_later_too_and_none_again(
    tiny_model: Path, numbers_file: Path, exam: Path, learner: Any, tmp_path: Path
) -> None:
    changes = {"test": str(exam), "test_limit": 7, "iterations": 2}
    config = small(tiny_model, numbers_file, **changes)
    first = train(config, tmp_path / "t", load=learner).tested()
    assert first is not None and len(first.scored) == 2
    asked = len(learner.prompts)
    again = train(config, tmp_path / "t", load=learner)
    assert again.tested() == first and len(learner.prompts) == asked
    every = train(
        make_config(config.model, config.questions, "rest", values(config) | {"test_every": True}),
        tmp_path / "t",
        load=learner,
    ).tested()
    assert every is not None and len(learner.prompts) == asked + 7
    assert [one.iteration for one in every.scored] == [0, 1, 2]
    assert (every.best, every.comparisons) == (first.best, first.comparisons)
    with pytest.raises(FolderError, match=r"its evaluation\.test_every is True, yours False"):
        train(config, tmp_path / "t", load=learner)


def test_what_the_test_says_does_not_move_the_choice(
    tiny_model: Path, numbers_file: Path, exam: Path, learner: Any, tmp_path: Path
) -> None:
    known = {one.id for one in load_probe_set(exam).questions}

    def forgetful(name: str, options: Any) -> Tutor:
        tutor = learner(name, options)
        answer = tutor.answer

        def nothing_on_the_test(prompt: Any) -> str:
            silent = prompt.question_id in known and "adapter" in name
            return "" if silent else str(answer(prompt))

        tutor.answer = nothing_on_the_test
        return tutor

    config = small(tiny_model, numbers_file, test=str(exam), iterations=2)
    training = train(config, tmp_path / "t", load=forgetful)
    plain = train(small(tiny_model, numbers_file, iterations=2), tmp_path / "p", load=learner)
    tested = training.tested()
    assert tested is not None and training.best == plain.best == tested.best
    worst = tested.of(tested.best).accuracy
    assert worst is not None and worst.value == 0
    assert tested.comparisons[0].difference is not None and tested.comparisons[0].difference < 0


class Killed(Exception):
    pass


def test_a_test_stopped_in_the_middle_asks_the_rest_alone(
    tiny_model: Path, numbers_file: Path, exam: Path, learner: Any, tmp_path: Path
) -> None:
    known = {one.id for one in load_probe_set(exam).questions}
    left = [40]

    def mortal(name: str, options: Any) -> Tutor:
        tutor = learner(name, options)
        answer = tutor.answer

        def answer_or_die(prompt: Any) -> str:
            left[0] -= prompt.question_id in known
            if left[0] < 0:
                raise Killed
            return str(answer(prompt))

        tutor.answer = answer_or_die
        return tutor

    config = small(tiny_model, numbers_file, test=str(exam), iterations=1)
    whole = train(config, tmp_path / "whole", load=learner).tested()
    learner.prompts.clear()
    with pytest.raises(Killed):
        train(config, tmp_path / "cut", load=mortal)
    assert Training(tmp_path / "cut").tested() is None and Training(tmp_path / "cut").best == 1
    assert train(config, tmp_path / "cut", load=learner).tested() == whole
    asked = [(name, one) for name, one in learner.prompts if one in known]
    assert len(asked) == len(set(asked)) == 60


def test_a_test_set_that_changed_or_has_no_answers_is_refused_in_one_line(
    tiny_model: Path, numbers_file: Path, exam: Path, learner: Any, tmp_path: Path
) -> None:
    config = small(tiny_model, numbers_file, test=str(exam), method="base")
    train(config, tmp_path / "t", load=learner)
    exam.write_text("".join(exam.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(FolderError, match=r"exam.jsonl is not what .* was begun with"):
        train(config, tmp_path / "t", load=learner)
    exam.write_text('{"id": "q", "question": "Which one?", "options": [], "answer": null}\n')
    with pytest.raises(InputError, match="question 'q' has no answer to score against"):
        train(config, tmp_path / "new", load=learner)
    config = make_config("smollm2", "numbers:train", overrides={"test": "sceince"})
    with pytest.raises(InputError, match="did you mean 'science'"):
        held_back(config)


def test_a_limit_draws_the_same_questions_for_every_seed(exam: Path) -> None:
    def drawn(seed: int) -> list[str]:
        changes = {"test": str(exam), "test_limit": 7, "seed": seed}
        found = held_back(make_config("smollm2", "numbers:train", overrides=changes))
        assert found is not None
        return [one.id for one in found.questions]

    assert drawn(0) == drawn(1) and len(drawn(0)) == 7


def test_free_answers_are_compared_without_a_breakdown_of_options() -> None:
    rows = [sample(f"q{i}", coverage=None, correct=i < 3) for i in range(6)]
    better = [one.model_copy(update={"correct": True}) for one in rows]
    found = {one.metric: one for one in compared(rows, better, ("a", "b"))}
    assert set(found) == {"accuracy", "outcome_answered"}
    assert (found["accuracy"].before, found["accuracy"].after) == (0.5, 1.0)


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
