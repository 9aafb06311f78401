"""Outputs of every tool become the same run."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from starprobe.bench.importers import import_outputs
from starprobe.bench.read import classify_run
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import FolderError, InputError

STEM = "What can be used to carry water?"
TEXTS = ("bucket", "sieve", "net")
PROMPT = f"{STEM}\n(A) bucket\n(B) sieve\n(C) net\nAnswer:"
RESPONSE = "A sieve leaks and so does a net, so the answer is (A) bucket."


def row(**fields: Any) -> dict[str, Any]:
    """A line of the plain contract."""
    options = [{"label": label, "text": text} for label, text in zip("ABC", TEXTS, strict=True)]
    base = {"id": "r1", "question": STEM, "options": options, "response": RESPONSE, "answer": "A"}
    return base | {"model": "m"} | fields


def write_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def check(run: Run, model: str = "m", count: int = 1) -> None:
    """The run holds the question, its key and the response."""
    (prompt,) = run.prompts().values()
    assert prompt.stem == STEM
    assert [(one.label, one.text) for one in prompt.shown] == list(zip("ABC", TEXTS, strict=True))
    assert prompt.answer_id == "o1"
    rows = list(run.responses().values())
    assert len(rows) == count
    assert {one.text for one in rows} == {RESPONSE}
    assert {one.model for one in rows} == {model}
    assert run.info.imported


def test_the_plain_contract_is_taken_as_it_is(tmp_path: Path) -> None:
    run = import_outputs(write_lines(tmp_path / "x.jsonl", row()), tmp_path / "run").run
    check(run)
    assert list(run.responses()) == ["r1"]


def test_importing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", row(), row(id="r2", response="A."))
    import_outputs(path, tmp_path / "run")
    before = (tmp_path / "run/responses.jsonl").read_bytes()
    import_outputs(path, tmp_path / "run")
    assert (tmp_path / "run/responses.jsonl").read_bytes() == before
    assert [one.repeat for one in Run(tmp_path / "run").responses().values()] == [0, 1]


def test_a_run_takes_in_more_questions_and_models_and_an_asked_run_too(tmp_path: Path) -> None:
    first = write_lines(tmp_path / "x.jsonl", row())
    import_outputs(first, tmp_path / "run")
    other = write_lines(tmp_path / "y.jsonl", row(question="Something else?", model="n", id="r2"))
    run = import_outputs(other, tmp_path / "run").run
    assert (run.info.questions, [one.name for one in run.info.models]) == (2, ["m", "n"])
    both = import_outputs([first, other], tmp_path / "both").run
    assert both.info.probe_hash == run.info.probe_hash
    assert both.prompts() == run.prompts()


def test_a_folder_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/notes.txt").write_text("mine")
    with pytest.raises(FolderError):
        import_outputs(write_lines(tmp_path / "y.jsonl", row()), tmp_path / "run")


def test_letters_are_undone_where_options_are_shuffled(tmp_path: Path) -> None:
    turned = [{"label": "A", "text": "net"}, {"label": "B", "text": "bucket"}]
    turned += [{"label": "C", "text": "sieve"}]
    path = write_lines(
        tmp_path / "x.jsonl", row(), row(id="r2", options=turned, answer="B", response="It is B.")
    )
    run = import_outputs(path, tmp_path / "run").run
    assert run.info.questions == 1
    classify_run(run, "rules")
    answers = {one.answer for one in run.verdicts("rules").values()}
    assert answers == {"o1"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_with_columns_for_options(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "x.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["Question", "A", "B", "C", "Correct Answer", "Model", "Output"])
        writer.writerow([STEM, *TEXTS, "bucket", "m", RESPONSE])
    check(import_outputs(path, tmp_path / "run").run)


def test_a_json_object_may_be_one_response(tmp_path: Path) -> None:
    row = {"question": STEM, "options": TEXTS, "answer": "A", "answer_index": 0, "model": "m"}
    (tmp_path / "x.json").write_text(json.dumps(row | {"model_outputs": RESPONSE}))
    check(import_outputs(tmp_path / "x.json", tmp_path / "run").run)


def test_tsv_with_a_mapping_and_options_in_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(["asked", "said", "key"])
        writer.writerow([PROMPT, RESPONSE, "A"])
    mapping = {"prompt": "asked", "response": "said", "answer": "key"}
    check(import_outputs(path, tmp_path / "run", mapping=mapping, model="m").run)


@pytest.mark.parametrize(
    "options",
    [
        list(TEXTS),
        {"A": "bucket", "B": "sieve", "C": "net"},
        {"label": ["A", "B", "C"], "text": list(TEXTS)},
        json.dumps(list(TEXTS)),
        str(list(TEXTS)),
        "(A) bucket (B) sieve (C) net",
        ["A. bucket", "B. sieve", "C. net"],
    ],
)
@pytest.mark.parametrize("answer", ["A", "(a)", "bucket", 0, ["A"]])
def test_options_and_keys_in_all_their_shapes(tmp_path: Path, options: Any, answer: Any) -> None:
    path = write_lines(tmp_path / "x.jsonl", row(options=options, answer=answer))
    check(import_outputs(path, tmp_path / "run").run)


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist([row()]), tmp_path / "x.parquet")
    check(import_outputs(tmp_path / "x.parquet", tmp_path / "run").run)


def lm_eval_row(**fields: Any) -> dict[str, Any]:
    doc = {"question": STEM, "choices": {"label": list("ABC"), "text": list(TEXTS)}}
    base = {
        "doc_id": 0,
        "doc": doc | {"answerKey": "A"},
        "target": "A",
        "arguments": {"gen_args_0": {"arg_0": PROMPT, "arg_1": {"until": []}}},
        "resps": [[RESPONSE, RESPONSE]],
        "filtered_resps": ["A"],
        "filter": "none",
        "doc_hash": "x",
    }
    return base | fields


def test_lm_eval_samples_with_repeats_and_two_filters(tmp_path: Path) -> None:
    folder = tmp_path / "org__model"
    folder.mkdir()
    rows = [lm_eval_row(), lm_eval_row(filter="strict")]
    path = write_lines(folder / "samples_water_2026-01-01T00-00-00.jsonl", *rows)
    check(import_outputs(path, tmp_path / "run").run, "org/model", 2)


def test_lm_eval_samples_whose_options_stand_in_the_prompt_only(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "samples_water_2026-01-01T00-00-00.jsonl",
        lm_eval_row(doc={"ctx": STEM}, resps=[[RESPONSE]]),
    )
    check(import_outputs(path, tmp_path / "run").run, tmp_path.name)


def test_lm_eval_samples_without_text_say_what_is_missing(tmp_path: Path) -> None:
    likelihoods = lm_eval_row(resps=[[["-1.5", "False"]], [["-2.5", "True"]]])
    path = write_lines(tmp_path / "samples_water_x.jsonl", likelihoods)
    with pytest.raises(InputError, match=r"log-likelihoods.*missing: generated text"):
        import_outputs(path, tmp_path / "run")


def inspect_sample() -> dict[str, Any]:
    content = [
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "text", "text": "attachment://abc"},
    ]
    return {
        "id": "w1",
        "epoch": 1,
        "input": STEM,
        "choices": list(TEXTS),
        "target": "A",
        "messages": [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": ""}],
        "output": {
            "model": "m",
            "choices": [{"message": {"content": content}, "stop_reason": "stop"}],
            "usage": {"input_tokens": 5, "output_tokens": 6},
        },
        "attachments": {"abc": RESPONSE},
    }


def check_inspect(run: Run) -> None:
    check(run)
    (response,) = run.responses().values()
    assert (response.reasoning, response.finish_reason) == ("hm", "stop")
    assert response.usage is not None
    assert response.usage.completion_tokens == 6
    (prompt,) = run.prompts().values()
    assert prompt.text == PROMPT


def test_inspect_json_log(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(
        json.dumps({"eval": {"task": "water", "model": "m"}, "samples": [inspect_sample()]})
    )
    check_inspect(import_outputs(path, tmp_path / "run").run)


def test_inspect_eval_log_deflated(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/w1_epoch_1.json", json.dumps(inspect_sample()))
        archive.writestr("header.json", json.dumps({"eval": {"task": "water", "model": "m"}}))
    check_inspect(import_outputs(path, tmp_path / "run").run)


def test_inspect_eval_log_in_zstd(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    path = tmp_path / "log.eval"
    members = {
        "samples/w1_epoch_1.json": inspect_sample(),
        "header.json": {"eval": {"task": "water", "model": "m"}},
    }
    packed = {
        name: pa.compress(json.dumps(value).encode(), codec="zstd", asbytes=True)
        for name, value in members.items()
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in packed.items():
            archive.writestr(name, data)
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = raw.find(signature)
        while at >= 0:  # As inspect_ai writes it: the number of the method is zstd's.
            raw[at + offset : at + offset + 2] = (93).to_bytes(2, "little")
            at = raw.find(signature, at + 4)
    path.write_bytes(raw)
    check_inspect(import_outputs(path, tmp_path / "run").run)


def promptfoo_row(**fields: Any) -> dict[str, Any]:
    base = {
        "provider": {"id": "openai:gpt-4o", "label": "m"},
        "prompt": {"raw": json.dumps([{"role": "user", "content": PROMPT}]), "label": "p"},
        "vars": {"question": STEM, "answer": "A"},
        "response": {"output": RESPONSE, "tokenUsage": {"prompt": 3, "completion": 4}},
        "latencyMs": 1500,
        "cost": 0.01,
    }
    return base | fields


@pytest.mark.parametrize("nested", [True, False])
def test_promptfoo_results(tmp_path: Path, nested: bool) -> None:
    rows = [promptfoo_row(error="Expected output to contain B")]
    value = {"results": {"version": 3, "results": rows} if nested else rows}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(value))
    run = import_outputs(path, tmp_path / "run").run
    check(run)
    (response,) = run.responses().values()
    assert response.latency_s == 1.5
    assert response.error is None


def test_a_promptfoo_row_without_output_is_an_error_row(tmp_path: Path) -> None:
    rows = [promptfoo_row(), promptfoo_row(response={}, error="429", provider="n")]
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"results": {"results": rows}}))
    made = import_outputs(path, tmp_path / "run")
    assert [one.error is not None for one in made.run.responses().values()] == [False, True]


@pytest.mark.parametrize("given_choices", [list(TEXTS), None])
def test_every_eval_ever_instances(tmp_path: Path, given_choices: list[str] | None) -> None:
    instance = {
        "schema_version": "instance_level_eval_0.2.1",
        "evaluation_id": "e",
        "model_id": "m",
        "evaluation_name": "water",
        "sample_id": "w1",
        "interaction_type": "single_turn",
        "input": {
            "raw": STEM if given_choices else PROMPT,
            "reference": ["bucket"],
            "choices": given_choices,
        },
        "output": {"raw": [RESPONSE], "reasoning_trace": ["hm"]},
        "token_usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        "performance": {"latency_ms": 250},
        "evaluation": {"score": 1.0, "is_correct": True},
    }
    run = import_outputs(write_lines(tmp_path / "x_samples.jsonl", instance), tmp_path / "run").run
    check(run)
    (response,) = run.responses().values()
    assert (response.reasoning, response.latency_s) == ("hm", 0.25)


def test_a_folder_of_text_files_named_by_model(tmp_path: Path) -> None:
    folder = tmp_path / "pasted"
    folder.mkdir()
    (folder / "question.txt").write_text(f"{STEM}\n(A) bucket\n(B) sieve\n(C) net\nAnswer: A\n")
    for name in ("gemma2.txt", "claude-3.5-sonnet.txt", "gemma2.2.txt"):
        (folder / name).write_text(RESPONSE)
    run = import_outputs(folder, tmp_path / "run").run
    rows = run.responses().values()
    assert sorted((one.model, one.repeat) for one in rows) == [
        ("claude-3.5-sonnet", 0),
        ("gemma2", 0),
        ("gemma2", 1),
    ]
    (prompt,) = run.prompts().values()
    assert prompt.answer_id == "o1"


def test_one_such_folder_a_question(tmp_path: Path) -> None:
    for name, stem in (("one", "First?"), ("two", "Second?")):
        folder = tmp_path / "pasted" / name
        folder.mkdir(parents=True)
        (folder / "question.txt").write_text(f"{stem}\n(A) yes\n(B) no")
        (folder / "m.txt").write_text("Yes.")
    run = import_outputs(tmp_path / "pasted", tmp_path / "run").run
    assert {prompt.stem for prompt in run.prompts().values()} == {"First?", "Second?"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "x.jsonl",
            '{"foo": 1, "bar": 2}\n',
            "found the fields foo, bar; missing: response, question",
        ),
        ("x.jsonl", '{"question": "a"}\nnot json\n', "line 2: not valid JSON"),
        ("x.jsonl", "", "holds no responses"),
        ("x.json", '{"a": 1}', "missing: one list of responses"),
        ("x.xlsx", "", "not a zip file"),
        ("x.docx", "", "unknown kind of file"),
        ("x.csv", "question,response\na,b,c\n", "line 2: has more cells"),
        ("x.eval", "no zip", "not a zip file"),
    ],
)
def test_an_unknown_shape_is_one_line_that_says_what_is_there(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        import_outputs(tmp_path / name, tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_mapping_to_a_field_that_is_not_there_says_which_are(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "x.jsonl", row())
    with pytest.raises(InputError, match="has only id, question"):
        import_outputs(path, tmp_path / "run", mapping={"response": "nope"})


def test_a_key_that_is_none_of_the_options_is_counted(tmp_path: Path) -> None:
    made = import_outputs(write_lines(tmp_path / "x.jsonl", row(answer="Z")), tmp_path / "run")
    assert made.without_answer == 1


def test_a_run_that_was_imported_can_be_measured(tmp_path: Path) -> None:
    from starprobe.bench.results import measure_run

    path = write_lines(tmp_path / "x.jsonl", *(row(id=f"r{i}", model=f"m{i}") for i in range(3)))
    run = import_outputs(path, tmp_path / "run").run
    classify_run(run, "rules")
    assert measure_run(run.path)


def test_a_table_whose_models_go_by_no_known_name_says_whom_it_takes_them_for(
    tmp_path: Path,
) -> None:
    prompt = "What floats?\n(A) a cork\n(B) an anvil"
    rows = [
        {"instruction": prompt, "output": f"It is ({letter}).", "writer": name}
        for name, letter in (("one", "A"), ("two", "B"))
    ]
    path = tmp_path / "out.json"
    path.write_text(json.dumps(rows))
    made = import_outputs(path, tmp_path / "run")
    assert [model.name for model in made.run.info.models] == ["out"]
    assert any("no field names the model" in note and "'out'" in note for note in made.notes)
    path.write_text(json.dumps([row | {"generator": row["writer"]} for row in rows]))
    made = import_outputs(path, tmp_path / "again")
    assert [model.name for model in made.run.info.models] == ["one", "two"]
    assert made.notes == ()
