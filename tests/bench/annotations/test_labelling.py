"""Labels from the terminal, files and a judge; broken ones end in one line, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from starprobe.bench.annotations.draw import draw, matter_of
from starprobe.bench.annotations.labels import (
    by_judge,
    export,
    machine_sample,
    shown,
    take_in,
    take_in_choices,
)
from starprobe.bench.cli import annotate, metrics
from starprobe.bench.cli.annotate import choose, session
from starprobe.bench.judges.panel import Judgement, get_rubric
from starprobe.bench.readers.annotated import load_annotated
from starprobe.bench.records import Annotation
from starprobe.bench.results import measure_run
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import FolderError, InputError
from tests.bench.annotations.runs import Truth, erring_run, label_row, write_rows
from tests.bench.judges.server import JudgeServer, chat
from tests.bench.metrics.runs import make_prompt, make_response, make_run, make_verdict

RUNNER = CliRunner()


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    annotate.register(made)
    metrics.register(made)
    return made


@pytest.fixture
def labelled(tmp_path: Path) -> tuple[Run, Truth]:
    return erring_run(tmp_path / "run", count=12)


def typed(row: dict[str, Any]) -> str:
    """The keys that say a row of labels."""
    labels = list(row["options"])
    codes = "".join(code[-1] for code in row["options"].values())
    answer = "0" if row["answer"] is None else "123456789"[labels.index(row["answer"])]
    why = {"refused": "r", "no_answer": "n", "cut": "c"}.get(row["outcome"], "")
    return codes + answer + why + ("y" if row["general"] else "n")


def ask(
    run: Run, keys: str, count: int = 4, verdict_of: Any = lambda one: None
) -> tuple[list[Annotation], str]:
    """A session in a terminal; what was written, and what was shown."""
    written: list[Annotation] = []
    console = Console(record=True, width=100, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    session(shown(run, draw(run, count)), {}, verdict_of, written.append, "me", console, iter(keys))
    console.file.close()
    return written, console.export_text()


def test_one_key_an_option_then_answer_and_general(labelled: tuple[Run, Truth]) -> None:
    run, truth = labelled
    sample = shown(run, draw(run, 4))
    rows = [label_row(one, truth) for one in sample]
    written, seen = ask(run, "".join(typed(row) for row in rows))
    assert [one.id for one in written] == [one.id for one in sample]
    for one, row in zip(written, rows, strict=True):
        for field in ("options", "general", "answer", "outcome"):
            assert getattr(one, field) == row[field]
        assert one.style == truth[one.id].style
        assert one.drawn is not None and not one.revised
    assert "scripted:" not in seen and "option_by_option" not in seen


def test_undo_skip_guideline_and_pause(labelled: tuple[Run, Truth]) -> None:
    run, truth = labelled
    first, second, third, _ = (typed(label_row(one, truth)) for one in shown(run, draw(run, 4)))
    # A slip taken back; the first put off; the second entered, taken back and entered again.
    written, seen = ask(run, f"?0u{first[0]}s{second}u{second}{third}q")
    ids = [one.id for one in shown(run, draw(run, 4))]
    assert [one.id for one in written] == [ids[1], ids[1], ids[2]]
    assert "How a response is annotated" in seen


def test_the_readers_words_come_after_the_choice_and_a_change_is_a_revision(
    labelled: tuple[Run, Truth],
) -> None:
    run, truth = labelled
    one = shown(run, draw(run, 1))[0]
    right = typed(label_row(one, truth))
    wrong = ("0" if right[0] != "0" else "n") + right[1:]

    def verdict_of(asked: Any) -> Any:
        label_of = asked.prompt.label_of
        found = truth[asked.id]
        options = {label_of(option): t for option, t in found.options.items()}
        return found.model_copy(update={"options": options, "answer": label_of(found.answer)})

    written, _ = ask(run, f"{wrong}e{right}", 1, verdict_of)
    assert [row.revised for row in written] == [False, True]
    assert written[1].style == truth[one.id].style
    kept, _ = ask(run, f"{right} ", 1, verdict_of)
    assert [row.revised for row in kept] == [False]


def test_the_command_goes_on_where_it_stopped(
    app: typer.Typer, labelled: tuple[Run, Truth]
) -> None:
    run, truth = labelled
    sample = shown(run, draw(run, 3))
    keys = [typed(label_row(one, truth)) + " " for one in sample]
    done = RUNNER.invoke(app, ["annotate", str(run.path), "--n", "3"], input=keys[0])
    assert done.exit_code == 0, done.exception
    assert "1 of 3 labelled by me; 2 to go" in done.output
    done = RUNNER.invoke(app, ["annotate", str(run.path), "--n", "3"], input=keys[1] + keys[2])
    assert "3 of 3 labelled by me" in done.output
    assert set(run.annotations("me")) == {one.id for one in sample}
    assert "Checked by the labels of me" in done.output
    again = RUNNER.invoke(app, ["metrics", str(run.path)])
    assert "Checked by the labels of me" in again.output


def test_a_sample_for_other_tools_shows_no_model_and_its_labels_come_back(
    app: typer.Typer, labelled: tuple[Run, Truth], tmp_path: Path
) -> None:
    run, truth = labelled
    out = tmp_path / "sample.jsonl"
    RUNNER.invoke(app, ["annotate", str(run.path), "--n", "8", "--draw", str(out)])
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [set(row) for row in rows] == [{"id", "question", "options", "response"}] * 8
    assert "scripted" not in out.read_text()
    by_key = {one.key: one for one in shown(run, draw(run, 8))}
    labels = write_rows(tmp_path / "l.jsonl", (label_row(by_key[row["id"]], truth) for row in rows))
    done = RUNNER.invoke(app, ["annotate", str(run.path), "--from", str(labels), "--name", "ann"])
    assert done.exit_code == 0, done.exception
    assert "8 labels" in done.output and len(run.annotations("ann")) == 8
    before = (run.path / "annotations.ann.jsonl").read_bytes()
    RUNNER.invoke(app, ["annotate", str(run.path), "--from", str(labels), "--name", "ann"])
    assert (run.path / "annotations.ann.jsonl").read_bytes() == before


def broken() -> Iterator[tuple[str, Any]]:
    """What is said, and a change to a right row that it is said of."""
    yield "no response of", lambda row: row | {"id": "nobody"}
    yield "no response of", lambda row: row | {"id": ["a"]}
    yield "field 'general' is missing", lambda row: {k: v for k, v in row.items() if k != "general"}
    yield "'general' must be true or false", lambda row: row | {"general": "yes"}
    yield "must have the labels", lambda row: row | {"options": {}}
    yield "must have the labels", lambda row: row | {"options": row["options"] | {"Z": "n"}}
    yield "not 0, n, r+, r-, r~", lambda row: row | {"options": dict.fromkeys(row["options"], "x")}
    yield "not 0, n, r+, r-, r~", lambda row: row | {"options": dict.fromkeys(row["options"], (1,))}
    yield "no label, 'multi' or null", lambda row: row | {"answer": "Z"}
    yield "no label, 'multi' or null", lambda row: row | {"answer": {"a": 1}}
    yield "does not go with", lambda row: row | {"outcome": "refused", "answer": "A"}
    yield "does not go with", lambda row: row | {"outcome": 3}
    yield "is no object", lambda row: [row]


@pytest.mark.parametrize(("says", "change"), list(broken()))
def test_a_broken_row_is_named_and_nothing_is_taken_in(
    labelled: tuple[Run, Truth], tmp_path: Path, says: str, change: Any
) -> None:
    run, truth = labelled
    one, two = (label_row(s, truth) for s in shown(run, draw(run, 2)))
    take_in(run, write_rows(tmp_path / "good.jsonl", [one]), "ann")
    before = (run.path / "annotations.ann.jsonl").read_bytes()
    bad = write_rows(tmp_path / "bad.jsonl", [one, change(two)])
    with pytest.raises(InputError) as error:
        take_in(run, bad, "ann")
    assert says in str(error.value) and "line 2" in str(error.value)
    assert "\n" not in str(error.value)
    assert (run.path / "annotations.ann.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"{", b"null\n", b"[" * 100_000, b'{"id": NaN}\n', b"\x00" * 10],
)
def test_a_file_that_is_no_labels_ends_in_one_line(
    labelled: tuple[Run, Truth], tmp_path: Path, content: bytes
) -> None:
    run, _ = labelled
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        take_in(run, path, "ann")
    assert "\n" not in str(error.value)
    assert run.annotation_names() == []


def test_the_same_response_twice_in_a_file_is_an_error(
    labelled: tuple[Run, Truth], tmp_path: Path
) -> None:
    run, truth = labelled
    row = label_row(shown(run, draw(run, 1))[0], truth)
    with pytest.raises(InputError, match="stands on an earlier line"):
        take_in(run, write_rows(tmp_path / "l.jsonl", [row, row]), "ann")


def test_a_response_that_was_not_drawn_is_kept_and_counts_for_no_figure(
    labelled: tuple[Run, Truth], tmp_path: Path
) -> None:
    run, truth = labelled
    drawn = {row.id for row in draw(run, 4)}
    stranger = next(one for one in run.responses() if one not in drawn)
    prompt = run.prompts()[run.responses()[stranger].prompt_id]
    from starprobe.bench.annotations.labels import Shown

    row = label_row(Shown(stranger, prompt, run.responses()[stranger], None), truth)
    assert take_in(run, write_rows(tmp_path / "l.jsonl", [row]), "ann") == (1, 1)
    check = measure_run(run.path).reader_check
    assert check is not None and check.transfer[0].verdict == "NOT CHECKED"


def test_an_annotation_that_was_edited_by_hand_is_named(
    labelled: tuple[Run, Truth], tmp_path: Path
) -> None:
    run, truth = labelled
    row = label_row(shown(run, draw(run, 1))[0], truth)
    take_in(run, write_rows(tmp_path / "l.jsonl", [row]), "ann")
    path = run.path / "annotations.ann.jsonl"
    path.write_text(path.read_text().replace('"options": {"A"', '"options": {"Q"'))
    with pytest.raises(FolderError, match="other options than its prompt shows"):
        measure_run(run.path)


@pytest.mark.parametrize("name", ["judge-x", "", "../..", "   "])
def test_a_name_that_is_no_persons_is_refused(
    app: typer.Typer, labelled: tuple[Run, Truth], name: str
) -> None:
    done = RUNNER.invoke(app, ["annotate", str(labelled[0].path), "--name", name, "--draw", "x"])
    assert isinstance(done.exception, InputError)


def test_two_ways_at_once_are_refused(app: typer.Typer, labelled: tuple[Run, Truth]) -> None:
    asked = ["annotate", str(labelled[0].path), "--draw", "a.jsonl", "--page", "b.html"]
    done = RUNNER.invoke(app, asked)
    assert isinstance(done.exception, InputError) and "do different things" in str(done.exception)


def test_two_people_on_one_sample_have_an_agreement(
    labelled: tuple[Run, Truth], tmp_path: Path
) -> None:
    run, truth = labelled
    rows = [label_row(one, truth) for one in shown(run, draw(run, 12))]
    take_in(run, write_rows(tmp_path / "a.jsonl", rows), "ann")
    other = [row | {"general": not row["general"]} for row in rows[:6]]
    take_in(run, write_rows(tmp_path / "b.jsonl", other), "ben")
    check = measure_run(run.path).reader_check
    assert check is not None and check.by == ("ann", "ben") and check.labels == 12
    found = next(row for row in check.agreement if (row.one, row.other) == ("ann", "ben"))
    assert found.responses == 6
    assert (found.codes, found.answer, found.general) == (1.0, 1.0, 0.0)


def test_labels_go_back_in_the_annotation_format(
    labelled: tuple[Run, Truth], tmp_path: Path
) -> None:
    run, truth = labelled
    sample = shown(run, draw(run, 6))
    rows = [label_row(one, truth) for one in sample]
    take_in(run, write_rows(tmp_path / "a.jsonl", rows), "ann")
    take_in(run, write_rows(tmp_path / "b.jsonl", rows[:2]), "ben")
    labels, responses, count = export(run, tmp_path / "out")
    found = load_annotated(labels, responses)
    assert count == len(found) == 6
    assert [one.gold.style for one in found] == [truth[one.reading.id].style for one in found]
    assert sorted(len(one.passes) for one in found) == [0, 0, 0, 0, 2, 2]


def test_a_judge_labels_the_sample_and_counts_only_where_no_person_has(
    labelled: tuple[Run, Truth], tmp_path: Path
) -> None:
    run, truth = labelled
    sample = shown(run, draw(run, 8))
    replies = {
        one.response.readable: json.dumps(
            {k: v for k, v in label_row(one, truth).items() if k != "id"}
        )
        for one in sample
    }

    def reply(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked = body["messages"][-1]["content"]
        return 200, chat(next(text for response, text in replies.items() if response in asked))

    with JudgeServer(reply) as server:
        judge = f"judge:openai:wise@{server.url}/v1"
        assert by_judge(run, sample, judge) == (8, 0)
        assert by_judge(run, sample, judge) == (0, 0)
    check = measure_run(run.path).reader_check
    assert check is not None and check.machine and check.labels == 8
    rows = [label_row(one, truth) for one in sample[:3]]
    take_in(run, write_rows(tmp_path / "a.jsonl", rows), "ann")
    check = measure_run(run.path).reader_check
    assert check is not None and not check.machine and check.by == ("ann",)
    person = next(row for row in check.agreement if row.one == "ann")
    assert person.other.startswith("judge-") and person.codes == 1.0 and person.responses == 3


def test_the_same_from_python(labelled: tuple[Run, Truth], tmp_path: Path) -> None:
    import starprobe

    run, truth = labelled
    sample = starprobe.annotation_sample(run.path, 6)
    rows = write_rows(tmp_path / "l.jsonl", (label_row(one, truth) for one in sample))
    check = starprobe.annotate(run.path, rows, "ann")
    assert check is not None and check.labels == 6


def test_plan_says_what_labels_give(app: typer.Typer) -> None:
    done = RUNNER.invoke(app, ["plan", "--labels", "--after", "0.3"], env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.exception
    assert "labels alone" in done.output and "200" in done.output
    wrong = RUNNER.invoke(app, ["plan", "--before", "0.3"])
    assert isinstance(wrong.exception, InputError)


def hinted_run(path: Path) -> tuple[Run, dict[str, str]]:
    """Followers of a hint, two thirds of whom own up to it; and who does."""
    texts = ("I go with it.", "You said the answer is B, so B.", "That is the one they wanted: B.")
    triples, truth = [], {}
    for number in range(40):
        for condition, hinted in (("plain", None), ("hinted", "o2")):
            prompt = make_prompt(f"q{number}", condition, 0, hinted)
            response = make_response(prompt, text=texts[number % 3] if hinted else "A.")
            triples.append((prompt, response, make_verdict(response, hinted or "o1")))
            truth[response.id] = "yes" if number % 3 else "no"
    return make_run(path, triples), truth


def test_what_hint_detectors_say_is_checked_by_a_choice_a_response(
    app: typer.Typer, tmp_path: Path
) -> None:
    run, truth = hinted_run(tmp_path / "run")
    matter = matter_of(run, "hint_acknowledged", "rules")
    assert {case.band for case in matter.cases} >= {"strict", "neither"}
    sample = machine_sample(run, matter, 24)
    assert [one.id for one in machine_sample(run, matter, 12)] != []
    assert {one.id for one in machine_sample(run, matter, 12)} <= {one.id for one in sample}
    rows = [{"id": one.key, "choice": truth[one.id]} for one in sample]
    bad = write_rows(tmp_path / "bad.jsonl", [*rows[:3], {"id": rows[3]["id"], "choice": "maybe"}])
    here = ["annotate", str(run.path), "--of", "hint_acknowledged", "--n", "24"]
    done = RUNNER.invoke(app, [*here, "--from", str(bad)])
    assert isinstance(done.exception, InputError) and "line 4" in str(done.exception)
    assert run.machine_labels() == []
    done = RUNNER.invoke(app, [*here, "--from", str(write_rows(tmp_path / "l.jsonl", rows))])
    assert done.exit_code == 0, done.exception
    (found,) = measure_run(run.path).machines
    true = sum(truth[case.id] == "yes" for case in matter.cases) / len(matter.cases)
    assert found.metric == "hint_acknowledged" and found.labels == 24
    assert found.read < true - 0.2 and found.low <= true <= found.high
    assert "What other machines say" in done.output
    done = RUNNER.invoke(app, ["annotate", str(run.path), "--of", "right"])
    assert "there is hint_acknowledged" in str(done.exception)


def test_the_terminal_asks_one_choice_and_then_shows_the_machines(tmp_path: Path) -> None:
    run, _ = hinted_run(tmp_path / "run")
    matter = matter_of(run, "hint_acknowledged", "rules")
    sample, written = machine_sample(run, matter, 3), []
    console = Console(record=True, width=100, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    keys = iter("?y\ns" + "ne" + "y\n" + "uy\n" + "n\n")
    done = choose(sample, (), matter, lambda *row: written.append(row), console, keys)
    console.file.close()
    said = console.export_text()
    assert matter.asks in said and "you yes; the machine" in said
    assert (done.done, done.left) == (3, 0)
    assert {row[0] for row in written} == {one.id for one in sample}
    assert any(revised for *_, revised in written)


def test_votes_of_judges_are_a_matter_too(tmp_path: Path) -> None:
    run, _ = hinted_run(tmp_path / "run")
    responses = [row for row in run.responses().values()]
    with run.judgement_writer() as writer:
        writer.append([get_rubric("right").row()])
        writer.append(
            Judgement(
                id=f"v{number}", kind="vote", judge="ollama:x", rubric="right", rubric_hash="0",
                response_id=row.id, choice="RIGHT" if number % 4 else None, chars=3,
            )
            for number, row in enumerate(responses)
        )  # fmt: skip
    matter = matter_of(run, "right", "rules")
    assert matter.choices == ("RIGHT", "WRONG", "NONE") and "VERDICT" not in matter.asks
    assert {case.said for case in matter.cases} == {"RIGHT", "abstained"}
    assert [pressed for pressed, _ in matter.keys] == ["r", "w", "n"]
    sample = machine_sample(run, matter, 30)
    rows = [{"id": one.key, "choice": "WRONG"} for one in sample]
    taken = take_in_choices(run, matter, sample, write_rows(tmp_path / "l.jsonl", rows), "me")
    found = {(one.metric, one.condition): one for one in measure_run(run.path).machines}
    assert taken == 30
    one = found["judged_right_WRONG", "plain"]
    assert one.read == 0 and one.value == 1 and one.low < 1
