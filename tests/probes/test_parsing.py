"""Question files: what they become, and what their errors say."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starprobe.probes.errors import InputError
from starprobe.probes.parsing import parse_question
from starprobe.probes.sets import (
    load_probe_set,
    question_row,
    read_any,
    write_questions,
)

ROW = {
    "id": "q1",
    "question": "Which of these floats?",
    "options": [{"label": "A", "text": "a stone"}, {"label": "B", "text": "a cork"}],
    "answer": "B",
    "source": "ours",
}


def write(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def test_a_row_becomes_a_question_with_ids_in_file_order_and_the_rest_as_metadata(tmp_path):
    question = load_probe_set(write(tmp_path / "own.jsonl", ROW)).questions[0]
    assert [option.id for option in question.options] == ["o1", "o2"]
    assert question.answer_id == "o2"
    assert question.metadata == {"source": "ours"}


def test_an_option_keeps_the_id_that_its_file_gives_it():
    row = ROW | {"options": [{"id": "stone", "text": "a stone"}, {"id": "cork", "text": "a cork"}]}
    assert parse_question(row, "here").answer_id == "cork"


def test_a_question_without_options_keeps_its_answer_as_text():
    question = parse_question({"id": 7, "question": "How many?", "answer": 18}, "here")
    assert (question.id, question.answer_id, question.answer_text) == ("7", None, "18")


def test_a_null_answer_is_no_answer():
    question = parse_question(ROW | {"answer": None}, "here")
    assert question.answer_id is None and question.answer_text is None


TEXTS = ["a stone", "a cork"]
STEM = "Which of these floats?"
HUB_ROWS = {
    "CommonsenseQA": {
        "id": "1afa02df02c908a558b4036e80242fac", "question": STEM, "question_concept": "float",
        "choices": {"label": ["A", "B"], "text": TEXTS}, "answerKey": "B",
    },
    "CommonsenseQA as first released": {
        "answerKey": "B", "id": "x",
        "question": {"stem": STEM, "choices": [{"label": "A", "text": "a stone"},
                                               {"label": "B", "text": "a cork"}]},
    },
    "ARC with numbers for labels": {
        "id": "MCAS_1", "question": STEM, "choices": {"text": TEXTS, "label": ["1", "2"]},
        "answerKey": "2",
    },
    "OpenBookQA": {
        "id": "7-980", "question_stem": STEM, "choices": {"text": TEXTS, "label": ["A", "B"]},
        "answerKey": "B",
    },
    "MMLU": {"question": STEM, "subject": "physics", "choices": TEXTS, "answer": 1},
    "MMLU-Pro": {"question_id": 70, "question": STEM, "options": TEXTS, "answer": "B",
                 "answer_index": 1},
    "HellaSwag": {"ind": 24, "ctx": STEM, "endings": TEXTS, "label": "1"},
    "MedMCQA": {"id": "m", "question": STEM, "opa": "a stone", "opb": "a cork", "cop": 1},
    "SciQ": {"question": STEM, "correct_answer": "a cork", "distractor1": "a stone",
             "distractor2": "", "support": "Cork is light."},
    "PIQA": {"goal": STEM, "sol1": "a stone", "sol2": "a cork", "label": 1},
    "TruthfulQA": {"question": STEM, "mc1_targets": {"choices": TEXTS[::-1], "labels": [1, 0]}},
    "a mapping": {"question": STEM, "options": {"A": "a stone", "B": "a cork"}, "answer": "a cork"},
    "texts with letters": {"question": STEM, "options": ["A) a stone", "B) a cork"],
                           "correct": "B"},
    "labels without a space": {"question": STEM, "options": ["A)a stone", "B)a cork"],
                               "correct": "B"},
    "options of which one is marked": {"question": STEM, "answers": [
        {"text": "a stone", "isCorrect": False}, {"text": "a cork", "isCorrect": True}]},
    "a prompt alone": {"prompt": f"{STEM}\nA. a stone\nB. a cork", "answer": "B"},
    "options in the question": {"question": f"{STEM}\nA. a stone\nB. a cork", "answer": "(B)"},
    "strings beside our fields": {"id": "q", "question": STEM, "options": TEXTS, "answer": "B"},
}  # fmt: skip


@pytest.mark.parametrize("kind", HUB_ROWS)
def test_rows_of_data_sets_are_read_as_their_hub_has_them(tmp_path, kind):
    (question,) = load_probe_set(write(tmp_path / "own.jsonl", HUB_ROWS[kind])).questions
    assert question.stem == STEM
    assert sorted(one.text for one in question.options) == sorted(TEXTS)
    assert question.option(question.answer_id).text == "a cork"
    assert not {"choices", "options", "endings", "answerKey", "answer"} & set(question.metadata)


def test_gsm8k_rows_are_open_questions_with_ids_of_their_own(tmp_path):
    rows = [{"question": f"{n} + {n}?", "answer": f"Add.\n#### {2 * n}"} for n in (1, 2)]
    one, two = load_probe_set(write(tmp_path / "own.jsonl", *rows)).questions
    assert (one.options, one.answer_text) == ((), "Add.\n#### 2")
    assert one.id != two.id


def test_a_key_is_read_the_same_way_in_all_rows_of_a_file(tmp_path):
    digits = {"choices": ["1", "2", "3", "4"]}
    rows = [{"question": "a?", "answer": 1} | digits, {"question": "b?", "answer": 0} | digits]
    keys = [
        q.option(q.answer_id).text for q in load_probe_set(write(tmp_path / "i", *rows)).questions
    ]
    assert keys == ["2", "1"]
    rows = [row | {"answer": str(row["answer"] + 1)} for row in rows]
    keys = [
        q.option(q.answer_id).text for q in load_probe_set(write(tmp_path / "t", *rows)).questions
    ]
    assert keys == ["2", "1"]
    three = {"question": "c?", "answerA": "x", "answerB": "y", "answerC": "z"}
    rows = [three | {"label": "3"}, three | {"question": "d?", "label": "1"}]
    keys = [
        q.option(q.answer_id).text for q in load_probe_set(write(tmp_path / "n", *rows)).questions
    ]
    assert keys == ["z", "x"]


def test_csv_parquet_excel_and_gzip_hold_questions_too(tmp_path):
    pa, openpyxl = pytest.importorskip("pyarrow"), pytest.importorskip("openpyxl")
    from pyarrow import parquet

    (tmp_path / "q.csv").write_text(f"question;A;B;answer\n{STEM};a stone;a cork;B\n", "cp1252")
    parquet.write_table(pa.Table.from_pylist([HUB_ROWS["MMLU"]]), tmp_path / "q.parquet")
    book = openpyxl.Workbook()
    for row in (["question", "option_a", "option_b", "answer"], [STEM, *TEXTS, "a cork"]):
        book.active.append(row)
    book.save(tmp_path / "q.xlsx")
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress(json.dumps(HUB_ROWS["PIQA"]).encode()))
    (tmp_path / "q.json").write_text(json.dumps({"data": [HUB_ROWS["MMLU"]]}))
    found = {name: load_probe_set(tmp_path / f"q.{name}") for name in
             ("csv", "parquet", "xlsx", "jsonl.gz", "json")}  # fmt: skip
    assert {one.name for one in found.values()} == {"q"}
    assert {one.questions[0].id for one in found.values()} == {found["csv"].questions[0].id}
    assert {q.option(q.answer_id).text for one in found.values() for q in one.questions} == {
        "a cork"
    }


def test_a_task_of_the_harness_is_a_set(tmp_path):
    pytest.importorskip("lm_eval")
    data = [{"q": STEM, "a": TEXTS, "right": 1}, {"q": "Which sinks?", "a": TEXTS, "right": 0}]
    (tmp_path / "data.json").write_text("\n".join(map(json.dumps, data)))
    (tmp_path / "floats.yaml").write_text(
        f"""task: floats
dataset_path: json
dataset_kwargs: {{data_files: {{test: {tmp_path}/data.json}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "Question: {{{{q}}}}\\nAnswer:"
doc_to_choice: "{{{{a}}}}"
doc_to_target: right
"""
    )
    found = load_probe_set(f"lm-eval:{tmp_path}/floats.yaml")
    assert [one.stem for one in found.questions] == [STEM, "Which sinks?"]
    assert [q.option(q.answer_id).text for q in found.questions] == ["a cork", "a stone"]
    with pytest.raises(InputError, match="did you mean 'floats'"):
        load_probe_set(f"lm-eval:float@{tmp_path}")


def test_byte_order_mark_blank_lines_and_windows_line_ends_are_read(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r\n\r\n")
    assert len(load_probe_set(path).questions) == 1


def test_line_separators_inside_a_text_do_not_end_the_line(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(ROW | {"question": "a\u2028b\x85c"}, ensure_ascii=False), "utf-8")
    assert load_probe_set(path).questions[0].stem == "a\u2028b\x85c"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("{", "not valid JSON"),
        ("[1]", "list"),
        ("[" * 100_000, "not valid JSON"),
        ('{"id": "q", "question": "\\ud800"}', "surrogate"),
        (ROW | {"id": ""}, "'id'"),
        (ROW | {"id": True}, "'id'"),
        ({"id": "q"}, "'question' is missing"),
        (ROW | {"options": "A"}, "'options'"),
        (ROW | {"options": [{"text": "one"}]}, "'options'"),
        (ROW | {"options": [{"text": "one"}, {"text": " "}]}, "'options[1].text'"),
        (ROW | {"options": [{"label": [], "text": "x"}, {"text": "y"}]}, "'options[0].label'"),
        (ROW | {"options": ["one", 2.5, None]}, "'options'"),
        (ROW | {"options": "red, green"}, "'options'"),
        ({"id": "q", "question": "q", "my_choices": ["one", "two"]}, "'my_choices'"),
        ({"id": "q", "question": "q", "choices": ["one", "two"], "answer": "three"}, "'answer'"),
        (ROW | {"options": [{"label": "A", "text": t} for t in "xy"]}, "repeats a label"),
        (ROW | {"answer": "C"}, "'answer' is 'C'"),
        (ROW | {"answer": ["A"]}, "'answer'"),
    ],
)
def test_an_error_names_file_line_and_field(tmp_path, row, field):
    path = write(tmp_path / "own.jsonl", ROW | {"id": "fine"}, row)
    with pytest.raises(InputError) as caught:
        load_probe_set(path)
    assert f"{path}, line 2" in str(caught.value)
    assert field in str(caught.value)
    assert "\n" not in str(caught.value)


def test_repeated_ids_are_refused_for_a_set_and_left_to_the_check(tmp_path):
    path = write(tmp_path / "own.jsonl", ROW, ROW)
    with pytest.raises(InputError, match="'q1' stands on more than one line"):
        load_probe_set(path)
    assert len(read_any(path)) == 2


def test_an_empty_file_and_other_encodings_are_refused(tmp_path):
    with pytest.raises(InputError, match="no questions"):
        load_probe_set(write(tmp_path / "empty.jsonl", ""))
    (tmp_path / "latin.jsonl").write_bytes(b"\xe9")
    with pytest.raises(InputError, match="UTF-8"):
        load_probe_set(tmp_path / "latin.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        load_probe_set(tmp_path)


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(InputError, match="did you mean 'everyday'"):
        load_probe_set("evryday")
    with pytest.raises(InputError, match="no such file"):
        load_probe_set("nowhere/questions.jsonl")
    with pytest.raises(InputError, match="unknown probe set"):
        load_probe_set("everyday:train")


@pytest.mark.parametrize("name", ["everyday", "numbers:train:n=20"])
def test_a_set_written_to_a_file_and_read_again_is_the_same_set(tmp_path, name):
    before = load_probe_set(name)
    write_questions(before.questions, tmp_path / "again.jsonl")
    assert load_probe_set(tmp_path / "again.jsonl").hash == before.hash


def test_own_option_ids_survive_writing():
    row = ROW | {"options": [{"id": "stone", "text": "a stone"}, {"id": "cork", "text": "a cork"}]}
    question = parse_question(row, "here")
    assert parse_question(question_row(question), "there") == question


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
OPTIONS = st.lists(
    st.fixed_dictionaries({"text": st.text()}, optional={"label": JSON, "id": JSON}) | JSON,
    max_size=4,
)


@given(
    row=st.fixed_dictionaries(
        {"id": JSON, "question": JSON},
        optional={"options": OPTIONS | JSON, "answer": JSON, "x": JSON},
    )
)
def test_any_row_is_a_question_or_an_input_error(row):
    try:
        question = parse_question(row, "here")
    except InputError as error:
        assert str(error).startswith("here: ")
    else:
        assert parse_question(question_row(question), "there").options == question.options
