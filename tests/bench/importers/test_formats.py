"""The same responses, in every format that services and tools write, become the same run."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from starprobe.bench.importers import import_outputs, preview_outputs
from starprobe.bench.read import classify_run, read_lines
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import InputError
from tests.bench.importers import formats
from tests.bench.importers.formats import CASES, CLAUDE, GEMMA, WRITERS

WITHOUT_KEY = {
    "Vertex batch with requests", "Bedrock batch, a file a model", "Ollama chats with requests",
    "log of requests and responses", "log with bodies as text, gzipped", "Converse with requests",
    "messages rows", "ShareGPT with thanks at the end", "ChatGPT export in its zip",
    "Claude.ai export", "saved Hugging Face data set, a dictionary of splits",
    "text generation that repeats its prompt", "vLLM's request outputs", "Bedrock's Llama",
    "messages that begin with a worked example", "several questions in one conversation",
    "messages that end with the question, and a response",
    "an instruction before the question and steps after it",
}  # fmt: skip


def told(run: Run, keys: bool = True) -> set[tuple[object, ...]]:
    """Model, question, options, key and response of each row."""
    prompts = run.prompts()
    found = set()
    for row in run.responses().values():
        prompt = prompts[row.prompt_id]
        options = tuple((one.label, one.text) for one in prompt.shown)
        key = prompt.label_of(prompt.answer_id) if prompt.answer_id else None
        found.add((row.model, prompt.stem, options, key if keys else None, row.text))
    return found


def truth(keys: bool = True) -> set[tuple[object, ...]]:
    return {
        (one.model, one.stem, tuple(one.options.items()), one.key if keys else None, one.response)
        for one in CASES
    }


@pytest.mark.parametrize("name", WRITERS)
def test_a_format_comes_in_right(tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("openpyxl")
    (tmp_path / "in").mkdir()
    path = WRITERS[name](tmp_path / "in")
    questions = None
    if name in formats.NEEDS_QUESTIONS:
        with pytest.raises(InputError, match=r"--questions SET\|FILE") as caught:
            import_outputs(path, tmp_path / "none")
        assert "\n" not in str(caught.value)
        questions = str(formats.questions_file(tmp_path))
    run = import_outputs(path, tmp_path / "run", questions=questions).run
    keyed = name not in WITHOUT_KEY
    assert told(run, keyed) == truth(keyed)
    assert len(run.responses()) == len(CASES)
    # With the questions given, the keys are known too, and nothing else is changed.
    given = str(formats.questions_file(tmp_path))
    joined = import_outputs(path, tmp_path / "joined", questions=given).run
    assert told(joined) == truth()
    assert {one.question_id for one in joined.prompts().values()} == {one.id for one in CASES}


def test_the_breakdown_rates_of_the_models_are_those_of_the_table(tmp_path: Path) -> None:
    path = WRITERS["messages rows"](tmp_path)
    run = import_outputs(path, tmp_path / "run").run
    classify_run(run, "rules")
    rows = run.responses()
    rates = {
        model: {one.style for one in run.verdicts("rules").values() if rows[one.id].model == model}
        for model in (CLAUDE, GEMMA)
    }
    assert rates == {CLAUDE: {"option_by_option"}, GEMMA: {"direct"}}


def test_classify_reads_every_format_too(tmp_path: Path) -> None:
    for name in ("messages rows", "wide CSV of a German Excel", "ChatGPT export in its zip"):
        found = list(read_lines(WRITERS[name](tmp_path)))
        assert sorted(one.text.removeprefix("Hm.\n\n") for one in found) == sorted(
            one.response for one in CASES
        )
        assert len({one.id for one in found}) == len(CASES)
        assert {tuple(o.label for o in one.shown) for one in found} == {tuple("ABCD")}


@pytest.mark.parametrize("name", ["messages rows", "wide CSV of a German Excel", "lm-eval samples"])
def test_no_row_order_split_or_copy_changes_the_run(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path)
    first = import_outputs(path, tmp_path / "one").run
    again = import_outputs([path, path], tmp_path / "two")
    assert again.run.prompts() == first.prompts()
    assert again.run.responses() == first.responses()
    file = next(iter(sorted(path.rglob("*.jsonl")))) if path.is_dir() else path
    head, *rows = file.read_text().splitlines(keepends=True)
    if file.suffix == ".jsonl":
        head, rows = "", [head, *rows]
    elif name.startswith("wide"):
        return  # Its fields hold line ends.
    random.Random(1).shuffle(rows)
    copied = tmp_path / "shuffled" / file.relative_to(tmp_path)
    copied.parent.mkdir(parents=True)
    copied.write_text(head + "".join(rows))
    whole = import_outputs(file, tmp_path / "whole").run
    shuffled = import_outputs(copied, tmp_path / "again").run
    assert shuffled.prompts() == whole.prompts()
    assert shuffled.responses() == whole.responses()
    for number, part in enumerate((rows[:4], rows[4:])):
        half = copied.with_name(file.name) if number else copied
        half.write_text("".join(part))
        halves = import_outputs(half, tmp_path / "halves").run
    assert halves.prompts() == whole.prompts()
    assert halves.responses() == whole.responses()
    assert halves.info.probe_hash == whole.info.probe_hash


def test_one_file_a_model_goes_into_one_run(tmp_path: Path) -> None:
    folder = WRITERS["long table with CommonsenseQA's fields, a file a model"](tmp_path)
    for file in sorted(folder.iterdir()):
        run = import_outputs(file, tmp_path / "run").run
    assert told(run) == truth()
    both = import_outputs(sorted(folder.iterdir()), tmp_path / "both").run
    assert both.info.probe_hash == run.info.probe_hash


def write(path: Path, *rows: object) -> Path:
    path.write_text(
        "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows)
    )
    return path


ONE, TWO = CASES[:2]
ASKS = {"question": ONE.stem, "options": ONE.options}
REFUSED = {
    "a batch mapped by its id, whose responses are bodies as text": (
        [{"question": "q0", "response": json.dumps(formats.completion(ONE))}] * 2,
        None,
        "",
    ),
    "an unknown envelope": (
        [ASKS | {"response": {"payload": {"said": "B"}}}], "no text but holds payload", "",
    ),
    "an unknown envelope as text": (
        [ASKS | {"response": json.dumps({"said": "B", "took": 1})}], "are JSON objects", "",
    ),
    "pieces of a stream": (
        [{"object": "chat.completion.chunk", "choices": [{"delta": {"content": "x"}}]}],
        "pieces of a stream", "",
    ),
    "a model that is a list": (
        [ASKS | {"response": "B", "model": ["a", "b"]}], "model's name is no text", "",
    ),
    "letters beside texts": (
        [ASKS | {"prediction": "B", "explanation_of_model": "It is B, because nothing else fits."}],
        "letters alone", "",
    ),
    "options that are not understood": (
        [{"question": ONE.stem, "mc_choices": {"x": [1, 2]}, "response": "B"}],
        "looks like options and is not understood", "",
    ),
    "options parted by commas": (
        [{"question": ONE.stem, "options": "bucket, sieve", "response": "B"}],
        "options that are not understood", "",
    ),
    "columns that could be responses or repeats": (
        [{"question": ONE.stem, "response_1": ONE.response, "response_2": TWO.response}],
        "hold texts; say which", "",
    ),
    "a row that is not like the others": (
        [ASKS | {"response": "B"}, {"type": "summary"}], "has no field 'response'", "",
    ),
    "a row without a model among others": (
        [ASKS | {"response": "B", "model": "a"}, ASKS | {"response": "C", "model": ""}],
        "names no model", "",
    ),
    "models that answer in JSON": (
        [ASKS | {"response": json.dumps({"answer": "B", "why": "So."})}], "--json-responses", "",
    ),
    "pairs of responses": (
        [{"prompt": ONE.prompt, "chosen": formats.turns(ONE)[1:],
          "rejected": formats.turns(ONE)[1:]}], "chosen and rejected", "",
    ),
    "responses without questions": (
        [formats.completion(ONE)], "missing: the question.*--questions", "",
    ),
    "two columns of texts of which none is a model": (
        [{"question": ONE.stem, "alpha": ONE.response, "beta": ONE.response}],
        "hold texts; say which", "",
    ),
    "an id of a prompt of a question that is not known": (
        [{"custom_id": "mine-7|plain|0", "response": {"body": formats.completion(ONE)}}],
        "in no built-in set; say which: --questions", "",
    ),
    "an open quote": (
        ["model,question,response", 'a,Why?,"Because', "b,Why?,Because"], "left open", ".csv",
    ),
    "an open quote that the next row closes": (
        ["model,question,response", 'a,Why?,"Because', 'b,Why?,"Because"'], "left open", ".csv",
    ),
    "a cell too few": (["model,question,response", "a,Why?"], "fewer cells", ".csv"),
    "two columns of one name": (["q,response,response", "a,b,c"], "two columns", ".csv"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    rows, said, suffix = REFUSED[name]
    path = write(tmp_path / f"x{suffix or '.jsonl'}", *rows)
    if said is None:
        # The body is known, the question is not: it comes in as what it says, not as JSON.
        run = import_outputs(path, tmp_path / "run").run
        assert {row.text for row in run.responses().values()} == {ONE.response}
        return
    with pytest.raises(InputError, match=said) as caught:
        import_outputs(path, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_mapping_takes_paths_and_several_columns(tmp_path: Path) -> None:
    rows = [
        {"run.id": one.id, "io": {"in": [{"ask": one.stem}],
                                 "out": json.dumps({"t": one.response})},
         "who": {"name": one.model}, "opts": one.options}
        for one in CASES
    ]  # fmt: skip
    mapping = {"question": "io.in.0.ask", "response": "io.out.t", "model": "who.name",
               "options": "opts"}  # fmt: skip
    path = write(tmp_path / "x.jsonl", *rows)
    run = import_outputs(path, tmp_path / "run", mapping=mapping).run
    assert told(run, keys=False) == truth(keys=False)
    with pytest.raises(InputError, match=r"--map response=io\.gone: .* has only run\.id, io"):
        import_outputs(path, tmp_path / "none", mapping=mapping | {"response": "io.gone"})
    wide = write(tmp_path / "w.jsonl", ASKS | {"alpha": ONE.response, "beta": TWO.response})
    run = import_outputs(wide, tmp_path / "wide", mapping={"response": "alpha,beta"}).run
    assert {row.model for row in run.responses().values()} == {"alpha", "beta"}


def test_the_prompts_letters_count_where_it_shows_the_options_in_another_order(
    tmp_path: Path,
) -> None:
    asked = f"{ONE.stem}\n\nA. fork\nB. net\nC. sieve\nD. bucket"
    row = {"question": ONE.stem, "choices": list(ONE.options.values()), "answer": 0,
           "prompt": asked, "response": "D. bucket", "model": "m"}  # fmt: skip
    run = import_outputs(write(tmp_path / "x.jsonl", row), tmp_path / "run").run
    (prompt,) = run.prompts().values()
    assert prompt.label_of(prompt.answer_id or "") == "D"


def test_order_is_the_permutation_and_wording_an_axis_of_its_own(tmp_path: Path) -> None:
    turned = dict(zip("ABCD", reversed(ONE.options.values()), strict=True))
    rows = [
        {"model": "m", "question": one.stem, "options": options, "response": f"{head} {number}",
         "prompt": f"{head}{one.stem} {' '.join(f'({a}) {b}' for a, b in options.items())}"}
        for number, one in enumerate((ONE, TWO))
        for options in ((one.options, turned) if one is ONE else (one.options,))
        for head in ("", "Please: ", "Think. ")
    ]  # fmt: skip
    run = import_outputs(write(tmp_path / "x.jsonl", *rows), tmp_path / "run").run
    prompts = list(run.prompts().values())
    assert run.info.orders == 2
    assert {(one.stem, one.order) for one in prompts} == {
        (ONE.stem, 0), (ONE.stem, 1), (TWO.stem, 0)
    }  # fmt: skip
    assert {one.condition for one in prompts} == {"imported", "imported/2", "imported/3"}
    assert {row.repeat for row in run.responses().values()} == {0}


def test_repeats_are_kept_and_copies_and_contradicting_keys_are_told(tmp_path: Path) -> None:
    base = ASKS | {"model": "m"}
    rows = [
        base | {"response": "A.", "repeat": 0, "answer": "A"},
        base | {"response": "A.", "repeat": 1, "answer": "A"},
        base | {"response": "B.", "repeat": 2, "answer": "B"},
        base | {"response": "B.", "repeat": 2, "answer": "B"},
    ]
    path = write(tmp_path / "x.jsonl", *rows)
    made = import_outputs(path, tmp_path / "run")
    assert sorted(row.repeat for row in made.run.responses().values()) == [0, 1, 2]
    assert made.duplicates == 1
    assert {one.answer_id for one in made.run.prompts().values()} == {None}
    assert any("several answer keys" in note for note in made.notes)
    found = preview_outputs(path)
    assert (found.duplicates, found.contradicting, found.responses) == (1, 1, 4)


def test_a_preview_shows_rows_and_totals_and_writes_nothing(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from starprobe.cli import app

    path = WRITERS["wide CSV of a German Excel"](tmp_path)
    result = CliRunner().invoke(app, ["import", str(path), "--dry-run"])
    assert result.exit_code == 0, result.output
    for said in ("row 1", ONE.stem, "(A) bucket", "key       A", f"2: {CLAUDE} (6), {GEMMA} (6)",
                 "questions: 6", "with options: 100 %", "with a key: 100 %", "duplicates: 0",
                 "look like JSON: 0"):  # fmt: skip
        assert said in result.output
    assert [one.name for one in tmp_path.iterdir()] == ["wide.csv"]


def test_standard_input_is_a_file_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    import sys

    for name in ("messages rows", "long CSV with prompts alone"):
        data = WRITERS[name](tmp_path).read_bytes()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        run = import_outputs("-", tmp_path / name.partition(" ")[0]).run
        assert told(run, keys=False) == truth(keys=False)


def test_ones_own_code_reads_rows_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_for_tests.py").write_text(
        "from starprobe.bench.importers import Sample\n"
        "def fits(row): return 'frage' in row\n"
        "def samples(rows):\n"
        "    for where, row in rows:\n"
        "        yield Sample(where=where, question=row['frage'], response=row['x'], model='m')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = write(tmp_path / "x.jsonl", {"frage": "Why?", "x": "So."})
    run = import_outputs(path, tmp_path / "run", importer="mine_for_tests").run
    assert [row.text for row in run.responses().values()] == ["So."]
    with pytest.raises(InputError, match="'nope' cannot be loaded"):
        import_outputs(path, tmp_path / "run", importer="nope")
    # An installed package is asked by itself.
    (tmp_path / "mine-1.dist-info").mkdir()
    (tmp_path / "mine-1.dist-info/METADATA").write_text("Name: mine\nVersion: 1\n")
    (tmp_path / "mine-1.dist-info/entry_points.txt").write_text(
        "[starprobe.importers]\nmine = mine_for_tests\n"
    )
    again = import_outputs(path, tmp_path / "again").run
    assert again.responses() == run.responses()
