"""Prompts that go out in any form come back, with their answers, as what they were."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner

from starprobe.bench.ask import run as ask
from starprobe.bench.importers import import_outputs
from starprobe.bench.importers.join import export_prompts, named_by, plain_id
from starprobe.bench.read import classify_run
from starprobe.bench.results import measure_run
from starprobe.bench.run_config import RunConfig, render_probes
from starprobe.bench.run_folder import Run
from starprobe.cli import app
from starprobe.probes.errors import InputError

CONDITIONS = ("plain", "scratchpad+hinted", "wrong_hint", "no_options", "labels_digits")
CONFIG = RunConfig(models=(), probes=("everyday",), conditions=CONDITIONS, orders=2, limit=6)


def answer(body: dict[str, Any]) -> str:
    """What the model says: by the prompt alone, now with reasons and now without."""
    asked = body["messages"][-1]["content"]
    options = re.findall(r"^\((\w+)\) (.+?)(?: \(CORRECT\))?$", asked, re.MULTILINE)
    drawn = hashlib.sha256(asked.encode()).digest()[0]
    if not options:
        return "It is at home." if drawn % 2 else "I cannot say."
    label, text = options[drawn % len(options)]
    if drawn % 3 == 0:
        return f"({label}) {text}"
    said = [
        f"({a}) {b}: this is not so, because nobody does that." for a, b in options if a != label
    ]
    return "\n".join([*said, f"({label}) {text}: this fits, because it is what one does."]) + (
        f"\n\nThe answer is ({label})."
    )


@contextmanager
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(URL, the bodies that it got) of a chat completions server on a real socket."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            bodies.append(body)
            message = {"role": "assistant", "content": answer(body)}
            self.send(
                {
                    "object": "chat.completion",
                    "model": body["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 5, "completion_tokens": 7},
                }
            )

        def do_GET(self) -> None:
            self.send({"object": "list", "data": [{"id": "m", "object": "model"}]})

        def send(self, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/v1", bodies
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def numbers(run: Run) -> list[str]:
    """Every number that is measured, without the model's name; sorted, as rows have no order."""
    classify_run(run, "rules")
    found = measure_run(run.path, "rules").model_dump(mode="json")
    rows = [[kind, row] for kind in ("readers", "contrasts") for row in found[kind]["rules"]]
    rows += [["failures", found["failures"]], ["not", found["not_applicable"]]]
    text = [json.dumps(row, sort_keys=True) for row in rows]
    text = [row for row in text if '"latency_s"' not in row]  # A batch does not say it.
    for model in run.info.models:
        text = [row.replace(json.dumps(model.name), '"m"') for row in text]
    return sorted(text)


def test_a_batch_answered_by_a_server_measures_as_a_run_on_that_server(tmp_path: Path) -> None:
    with server() as (url, bodies):
        asked = ask(CONFIG.model_copy(update={"models": (f"openai:m@{url}",)}), tmp_path / "run")
        sent = {json.dumps(body["messages"]): body for body in bodies}
        out = tmp_path / "batch.jsonl"
        result = CliRunner().invoke(
            app,
            ["prompts", "export", "--probes", "everyday", "--conditions", ",".join(CONDITIONS),
             "--orders", "2", "--limit", "6", "--format", "openai-batch", "--model", "m",
             "-o", str(out)],
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        answers = []
        for line in map(json.loads, out.read_text().splitlines()):
            body = line["body"]
            same = sent[json.dumps(body["messages"])]
            assert {n: body[n] for n in ("seed", "max_tokens", "temperature")} == {
                n: same[n] for n in ("seed", "max_tokens", "temperature")
            }
            request = Request(f"{url}/chat/completions", json.dumps(body).encode())
            with urlopen(request) as reply:
                got = json.load(reply)
            answers.append(
                {"id": "batch_req_1", "custom_id": line["custom_id"], "error": None,
                 "response": {"status_code": 200, "body": got}}
            )  # fmt: skip
    path = tmp_path / "answers" / "out.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(one) + "\n" for one in answers))
    # Nothing lies beside the answers: the ids alone say which prompts they are of.
    made = import_outputs(path, tmp_path / "imported").run
    assert made.prompts() == asked.prompts()
    assert {one.hinted_id is None for one in made.prompts().values()} == {True, False}
    measured = numbers(made)
    assert len(measured) > 50
    assert measured == numbers(asked)


@pytest.mark.parametrize("form", ["openai-batch", "anthropic-batch", "jsonl", "csv", "markdown"])
@pytest.mark.parametrize("own", [False, True])
def test_every_form_comes_back_as_the_prompts_it_was(tmp_path: Path, form: str, own: bool) -> None:
    probes = "everyday"
    if own:
        options = [{"label": "A", "text": "yes"}, {"label": "B", "text": "no"}]
        row = {"id": "mine 1|a", "question": "Is it?", "options": options, "answer": "B"}
        probes = str(tmp_path / "mine.jsonl")
        Path(probes).write_text(json.dumps(row) + "\n")
    _, prompts = render_probes(
        CONFIG.model_copy(update={"probes": (probes,), "conditions": CONDITIONS[:3]})
    )
    suffix = {"csv": "csv", "markdown": "md", "anthropic-batch": "json"}.get(form, "jsonl")
    out = tmp_path / f"prompts.{suffix}"
    export_prompts(prompts, out, form, model="m", repeats=2)
    answers = tmp_path / f"answers.{suffix}"
    filled(form, out, answers)
    run = import_outputs(answers, tmp_path / "run").run
    assert run.prompts() == {prompt.id: prompt for prompt in prompts}
    rows = sorted((row.prompt_id, row.repeat, row.text) for row in run.responses().values())
    assert rows == sorted(
        (prompt.id, repeat, f"It is {prompt.id} {repeat}.")
        for prompt in prompts
        for repeat in range(2)
    )
    assert {row.model for row in run.responses().values()} == {"m"}


def filled(form: str, out: Path, answers: Path) -> None:
    """The file that comes back."""
    text = out.read_text()

    def said(name: str) -> str:
        prompt_id, repeat = named_by(name)[-1] if "|" not in name else named_by(name)[0]
        if "|" not in name:
            prompt_id, repeat = next(one for one in named_by(name) if "|" in one[0])
        return f"It is {prompt_id} {repeat}."

    if form == "openai-batch":
        rows = [
            {"custom_id": (one := json.loads(line))["custom_id"], "error": None,
             "response": {"status_code": 200, "body": {"model": one["body"]["model"], "choices": [
                 {"message": {"content": said(one["custom_id"])}, "finish_reason": "stop"}]}}}
            for line in text.splitlines()
        ]  # fmt: skip
        answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "anthropic-batch":
        requests = json.loads(text)["requests"]
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", one["custom_id"]) for one in requests)
        rows = [
            {"custom_id": one["custom_id"], "result": {"type": "succeeded", "message": {
                "type": "message", "role": "assistant", "model": one["params"]["model"],
                "content": [{"type": "text", "text": said(one["custom_id"])}],
                "stop_reason": "end_turn"}}}
            for one in requests
        ]  # fmt: skip
        answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
        rows = [row | {"model": "m", "response": said(row["custom_id"])} for row in rows]
        answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "csv":
        table = list(csv.DictReader(text.splitlines(keepends=True)))
        with answers.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(
                row | {"model": "m", "response": said(row["custom_id"])} for row in table
            )
    else:
        parts = re.split(r"(?=<!-- prompt: )", text)
        for number, part in enumerate(parts):
            if found := re.match(r"<!-- prompt: (.+?) -->", part):
                parts[number] = part.replace("~~~~\n\n~~~~", f"~~~~\n{said(found[1])}\n~~~~")
        answers.write_text("".join(parts))


def test_answers_join_an_asked_run_and_a_prompt_that_was_changed_is_refused(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"models": ("scripted:direct",), "conditions": ("plain",)})
    run = ask(config, tmp_path / "run")
    prompt = next(iter(run.prompts().values()))
    row = {"custom_id": prompt.id, "model": "other", "response": "It is (A)."}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row))
    made = import_outputs(path, tmp_path / "run").run
    assert [one.name for one in made.info.models] == ["scripted:direct", "other"]
    assert made.info.probe_hash == run.info.probe_hash
    assert made.prompts() == run.prompts()
    ask(config, tmp_path / "run")  # It is still the same run, and goes on.
    path.write_text(json.dumps(row | {"prompt": "Quite another question?"}))
    with pytest.raises(InputError, match="another text than it"):
        import_outputs(path, tmp_path / "other")


def test_an_id_is_written_in_what_every_service_takes_and_read_again() -> None:
    for name in ("everyday-001|scratchpad+hinted|2s7#1", "a_7c|plain|0", "ü|plain|0"):
        made = plain_id(name)
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", made)
        assert name.partition("#")[0] in {found for found, _ in named_by(made)}
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", plain_id("x" * 60 + "|plain|0#12"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "openai"], "--format openai: one of openai-batch"),
        (["--conditions", "plian"], "did you mean 'plain'"),
        (["--probes", "evryday"], "did you mean 'everyday'"),
    ],
)
def test_a_wrong_export_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        CliRunner().invoke(
            app,
            ["prompts", "export", "-o", str(tmp_path / "x"), *arguments],
            catch_exceptions=False,
        )
