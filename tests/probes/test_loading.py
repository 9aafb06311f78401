"""Question files: what they become, and what their errors say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starprobe.probes.errors import InputError
from starprobe.probes.loading import (
    load_probe_set,
    parse_question,
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
        (ROW | {"options": ["one", "two"]}, "'options[0]'"),
        (ROW | {"options": [{"text": "one"}, {"text": " "}]}, "'options[1].text'"),
        (ROW | {"options": [{"label": 1, "text": "x"}, {"text": "y"}]}, "'options[0].label'"),
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
