"""One table of questions and responses, written as each service and tool writes it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

CLAUDE, GEMMA = "claude-3-5-sonnet-20240620", "gemma-2-9b-it"
THINGS = (
    ("carry water", "bucket", "sieve", "net", "fork"),
    ("cut bread", "spoon", "knife", "towel", "cup"),
    ("light a room", "stone", "rope", "lamp", "shoe"),
    ("write a letter", "plate", "brick", "sock", "pen"),
    ("open a lock", "key", "leaf", "cloud", "soap"),
    ("dry one's hands", "ink", "towel", "glue", "oil"),
)
KEYS = "ABCDAB"


class Case(NamedTuple):
    """A question and one model's response to it."""

    id: str
    stem: str
    options: dict[str, str]
    key: str
    model: str
    response: str

    @property
    def prompt(self) -> str:
        """The question as it is sent."""
        lines = "\n".join(f"{label}. {text}" for label, text in self.options.items())
        return f"{self.stem}\n\n{lines}\n\nThink step by step."

    @property
    def index(self) -> int:
        """The key, counted from 0."""
        return "ABCD".index(self.key)


def cases() -> Iterator[Case]:
    """Claude breaks down every option, Gemma names the answer alone."""
    for model in (CLAUDE, GEMMA):
        for number, ((task, *texts), key) in enumerate(zip(THINGS, KEYS, strict=True)):
            options = dict(zip("ABCD", texts, strict=True))
            said = "\n".join(
                f"- **{label}) {text}**: this "
                + (
                    f"works, since a {text} stays firm and lasts for years."
                    if label == key
                    else f"does not work, since a {text} falls apart in seconds."
                )
                for label, text in options.items()
            )
            full = f"Let me look at each option:\n\n{said}\n\nSo the answer is {key}."
            response = full if model == CLAUDE else f"{key}. {options[key]}"
            yield Case(f"q{number}", f"What do you use to {task}?", options, key, model, response)


CASES = list(cases())
Writer = Callable[[Path], Path]
WRITERS: dict[str, Writer] = {}
"""Format -> what writes it into a folder and gives the file or folder to import."""
NEEDS_QUESTIONS: set[str] = set()
"""Formats of responses alone."""


def format_(name: str, questions: bool = False) -> Callable[[Writer], Writer]:
    """Registers a writer."""

    def add(writer: Writer) -> Writer:
        WRITERS[name] = writer
        if questions:
            NEEDS_QUESTIONS.add(name)
        return writer

    return add


def lines(path: Path, rows: Any) -> Path:
    """JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def per_model(folder: Path, name: str, row: Callable[[Case], Any]) -> Path:
    """A file a model."""
    for model in (CLAUDE, GEMMA):
        lines(folder / f"{model}{name}", [row(one) for one in CASES if one.model == model])
    return folder


def completion(one: Case) -> dict[str, Any]:
    """The body of a chat completion."""
    message = {"role": "assistant", "content": one.response, "refusal": None}
    return {
        "id": f"chatcmpl-{one.id}", "object": "chat.completion", "created": 1, "model": one.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
    }  # fmt: skip


def anthropic(one: Case) -> dict[str, Any]:
    """The body of an Anthropic message."""
    content = [
        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
        {"type": "text", "text": one.response},
    ]
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": one.model,
        "content": content, "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 12},
    }  # fmt: skip


def responses_api(one: Case) -> dict[str, Any]:
    """The body of OpenAI's Responses."""
    text = {"type": "output_text", "text": one.response, "annotations": []}
    return {
        "id": "resp_1", "object": "response", "status": "completed", "model": one.model,
        "output": [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "message", "role": "assistant", "status": "completed", "content": [text]},
        ],
        "usage": {"input_tokens": 9, "output_tokens": 12,
                  "output_tokens_details": {"reasoning_tokens": 3}},
    }  # fmt: skip


def gemini(one: Case) -> dict[str, Any]:
    """The body of Gemini's generateContent."""
    parts = [{"text": "Hm.", "thought": True}, {"text": one.response}]
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 12},
        "modelVersion": one.model,
    }


def asked(one: Case) -> dict[str, Any]:
    """The body of a request."""
    system = {"role": "system", "content": "You are helpful."}
    return {"model": one.model, "messages": [system, {"role": "user", "content": one.prompt}]}


def custom(one: Case) -> str:
    """An id that names the question."""
    return one.id


@format_("OpenAI batch output", questions=True)
def _openai_batch(at: Path) -> Path:
    return lines(
        at / "batch_output.jsonl",
        (
            {"id": f"batch_req_{n}", "custom_id": one.id, "error": None,
             "response": {"status_code": 200, "request_id": "r", "body": completion(one)}}
            for n, one in enumerate(CASES)
        ),
    )  # fmt: skip


@format_("OpenAI batch output of Responses", questions=True)
def _openai_responses_batch(at: Path) -> Path:
    return lines(
        at / "out.jsonl",
        (
            {"id": "b", "custom_id": one.id, "error": None,
             "response": {"status_code": 200, "body": responses_api(one)}}
            for one in CASES
        ),
    )  # fmt: skip


@format_("Anthropic message batch", questions=True)
def _anthropic_batch(at: Path) -> Path:
    return lines(
        at / "results.jsonl",
        ({"custom_id": one.id, "result": {"type": "succeeded", "message": anthropic(one)}}
         for one in CASES),
    )  # fmt: skip


@format_("Gemini batch", questions=True)
def _gemini_batch(at: Path) -> Path:
    return lines(at / "g.jsonl", ({"key": one.id, "response": gemini(one)} for one in CASES))


@format_("Vertex batch with requests")
def _vertex(at: Path) -> Path:
    return lines(
        at / "v.jsonl",
        ({"status": "", "processed_time": "2025",
          "request": {"contents": [{"role": "user", "parts": [{"text": one.prompt}]}]},
          "response": gemini(one)} for one in CASES),
    )  # fmt: skip


@format_("Bedrock batch, a file a model")
def _bedrock(at: Path) -> Path:
    def row(one: Case) -> dict[str, Any]:
        body = {"messages": asked(one)["messages"][1:], "max_tokens": 9}
        output = {name: value for name, value in anthropic(one).items() if name != "model"}
        return {"recordId": one.id, "modelInput": body, "modelOutput": output}

    return per_model(at / "bedrock", ".jsonl", row)


@format_("log of requests and responses")
def _log(at: Path) -> Path:
    return lines(
        at / "log.jsonl",
        ({"ts": 1, "url": "/v1/chat/completions", "request": asked(one),
          "response": completion(one), "latency_ms": 5} for one in CASES),
    )  # fmt: skip


@format_("log with bodies as text, gzipped")
def _text_log(at: Path) -> Path:
    rows = (
        {"request_body": json.dumps(asked(one)), "response_body": json.dumps(completion(one))}
        for one in CASES
    )
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (at / "log.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return at / "log.jsonl.gz"


@format_("completions beside question fields")
def _beside(at: Path) -> Path:
    return lines(
        at / "own.jsonl",
        ({"question": one.stem, "choices": list(one.options.values()), "answer": one.index,
          "response": completion(one)} for one in CASES),
    )  # fmt: skip


@format_("Ollama chats with requests")
def _ollama(at: Path) -> Path:
    return lines(
        at / "ollama.jsonl",
        ({"request": asked(one),
          "response": {"model": one.model, "done": True, "done_reason": "stop", "eval_count": 3,
                       "message": {"role": "assistant", "content": one.response}}}
         for one in CASES),
    )  # fmt: skip


@format_("Converse with requests")
def _converse(at: Path) -> Path:
    return lines(
        at / "converse.jsonl",
        ({"input": {"modelId": one.model, "messages": [
            {"role": "user", "content": [{"text": one.prompt}]}]},
          "output": {"output": {"message": {"role": "assistant",
                                            "content": [{"text": one.response}]}},
                     "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 2}}}
         for one in CASES),
    )  # fmt: skip


def turns(one: Case, role: str = "role", text: str = "content", ai: str = "assistant",
          user: str = "user") -> list[dict[str, str]]:  # fmt: skip
    """A conversation."""
    return [{role: "system", text: "You are helpful."}, {role: user, text: one.prompt},
            {role: ai, text: one.response}]  # fmt: skip


@format_("messages rows")
def _messages(at: Path) -> Path:
    return lines(at / "m.jsonl", ({"model": one.model, "messages": turns(one)} for one in CASES))


@format_("messages rows in Parquet with a key")
def _messages_parquet(at: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    rows = [{"messages": turns(one), "model": one.model, "answer": one.key} for one in CASES]
    parquet.write_table(pa.Table.from_pylist(rows), at / "m.parquet")
    return at / "m.parquet"


@format_("ShareGPT with thanks at the end")
def _sharegpt(at: Path) -> Path:
    rows = [
        {"id": n, "model": one.model, "conversations": [
            *turns(one, "from", "value", "gpt", "human"),
            {"from": "human", "value": "thanks!"}, {"from": "gpt", "value": "You are welcome."}]}
        for n, one in enumerate(CASES)
    ]  # fmt: skip
    (at / "sharegpt.json").write_text(json.dumps(rows))
    return at / "sharegpt.json"


@format_("saved Hugging Face data set, a dictionary of splits")
def _saved(at: Path) -> Path:
    import pyarrow as pa

    for split, model in (("train", CLAUDE), ("test", GEMMA)):
        folder = at / "saved" / split
        folder.mkdir(parents=True)
        rows = [{"model": model, "messages": turns(one)} for one in CASES if one.model == model]
        table = pa.Table.from_pylist(rows)
        name = "data-00000-of-00001.arrow"
        with pa.ipc.new_stream(str(folder / name), table.schema) as writer:
            writer.write_table(table)
        (folder / "dataset_info.json").write_text("{}")
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    (at / "saved/dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    return at / "saved"


def chatgpt(chat: list[Case]) -> dict[str, Any]:
    """An exported chat; the last question in it is answered twice."""
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None}}
    before = "root"

    def add(name: str, role: str, content: dict[str, Any], meta: dict[str, Any]) -> None:
        nonlocal before
        message = {"author": {"role": role}, "content": content, "metadata": meta,
                   "recipient": "all"}  # fmt: skip
        mapping[name] = {"id": name, "message": message, "parent": before, "children": []}
        mapping[before].setdefault("children", []).append(name)
        before = name

    add("hi", "user", {"content_type": "text", "parts": ["Hello!"]}, {})
    add("hey", "assistant", {"content_type": "text", "parts": ["Hi."]}, {"model_slug": "x"})
    for one in chat:
        meta = {"model_slug": one.model}
        thoughts = {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "Hm."}]}
        add(f"u{one.id}", "user", {"content_type": "text", "parts": [one.prompt]}, {})
        add(f"t{one.id}", "assistant", thoughts, meta)
        add(f"a{one.id}", "assistant", {"content_type": "text", "parts": [one.response]}, meta)
    return {"title": "T", "mapping": mapping, "current_node": before, "conversation_id": "c"}


@format_("ChatGPT export in its zip")
def _chatgpt(at: Path) -> Path:
    chats = [chatgpt([one for one in CASES if one.model == model]) for model in (CLAUDE, GEMMA)]
    with zipfile.ZipFile(at / "export.zip", "w") as archive:
        archive.writestr("conversations.json", json.dumps(chats))
        archive.writestr("user.json", "{}")
    return at / "export.zip"


@format_("Claude.ai export")
def _claude_ai(at: Path) -> Path:
    chats = [
        {"uuid": str(n), "name": "chat", "model": one.model, "account": {"uuid": "a"},
         "chat_messages": [
             {"uuid": "1", "sender": "human", "text": one.prompt,
              "content": [{"type": "text", "text": one.prompt}], "attachments": []},
             {"uuid": "2", "sender": "assistant", "text": "",
              "content": [{"type": "thinking", "thinking": "Hm."},
                          {"type": "text", "text": one.response}]}]}
        for n, one in enumerate(CASES)
    ]  # fmt: skip
    (at / "conversations.json").write_text(json.dumps(chats))
    return at / "conversations.json"


def promptfoo_row(one: Case) -> dict[str, Any]:
    """A result of promptfoo."""
    return {
        "promptIdx": 0, "testIdx": 1, "success": True, "latencyMs": 5, "cost": 0.1,
        "provider": {"id": one.model, "label": ""},
        "prompt": {"raw": one.prompt, "label": "{{question}}"},
        "vars": {"question": one.stem, "options": list(one.options.values()), "answer": one.key},
        "response": {"output": one.response, "tokenUsage": {"prompt": 1, "completion": 2}},
    }  # fmt: skip


@format_("promptfoo JSON")
def _promptfoo(at: Path) -> Path:
    rows = [promptfoo_row(one) for one in CASES]
    (at / "out.json").write_text(json.dumps({"evalId": "e", "results": {"results": rows}}))
    return at / "out.json"


@format_("promptfoo JSON lines")
def _promptfoo_lines(at: Path) -> Path:
    return lines(at / "out.jsonl", (promptfoo_row(one) for one in CASES))


def inspect_log(model: str) -> dict[str, Any]:
    """A log of inspect_ai."""
    samples = [
        {"id": one.id, "epoch": 1, "input": one.stem, "choices": list(one.options.values()),
         "target": one.key,
         "messages": [{"role": "user", "content": one.prompt.replace(". ", ") ")}],
         "output": {"model": model, "choices": [
             {"message": {"role": "assistant", "content": one.response}, "stop_reason": "stop"}]}}
        for one in CASES if one.model == model
    ]  # fmt: skip
    return {"version": 2, "eval": {"task": "things", "model": model}, "samples": samples}


@format_("inspect folder, one log in JSON and one .eval")
def _inspect(at: Path) -> Path:
    (at / "logs").mkdir()
    (at / "logs/a.json").write_text(json.dumps(inspect_log(CLAUDE)))
    log = inspect_log(GEMMA)
    with zipfile.ZipFile(at / "logs/b.eval", "w") as archive:
        archive.writestr("header.json", json.dumps({"eval": log["eval"]}))
        for one in log["samples"]:
            archive.writestr(f"samples/{one['id']}_epoch_1.json", json.dumps(one))
    return at / "logs"


@format_("lm-eval samples")
def _lm_eval(at: Path) -> Path:
    for model in (CLAUDE, GEMMA):
        rows = [
            {"doc_id": n, "doc": {"question": one.stem, "answerKey": one.key, "choices": {
                "label": list("ABCD"), "text": list(one.options.values())}},
             "target": one.key, "arguments": {"gen_args_0": {"arg_0": one.prompt}},
             "resps": [[one.response]], "filtered_resps": [one.key], "doc_hash": str(n)}
            for n, one in enumerate(one for one in CASES if one.model == model)
        ]  # fmt: skip
        lines(at / "results" / model / "samples_things_2025-01-01T00-00-00.jsonl", rows)
        (at / "results" / model / "results_2025.json").write_text("{}")
    return at / "results"


def wide() -> list[dict[str, Any]]:
    """A row a question, a column a model."""
    rows: dict[str, dict[str, Any]] = {}
    for one in CASES:
        row = rows.setdefault(
            one.id,
            {"topic": "things", "Question": one.stem}
            | {f"Option {label}": text for label, text in one.options.items()}
            | {"Correct Answer": one.key},
        )
        row[one.model] = one.response
        row[f"{one.model} score"] = "1"
    return list(rows.values())


@format_("wide CSV of a German Excel")
def _wide(at: Path) -> Path:
    text = io.StringIO()
    table = csv.DictWriter(text, list(wide()[0]), delimiter=";")
    table.writeheader()
    table.writerows(wide())
    (at / "wide.csv").write_text(text.getvalue(), encoding="cp1252")
    return at / "wide.csv"


@format_("wide Excel")
def _excel(at: Path) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(list(wide()[0]))
    for row in wide():
        book.active.append(list(row.values()))
    book.create_sheet("empty")
    book.save(at / "wide.xlsx")
    return at / "wide.xlsx"


@format_("long CSV with prompts alone")
def _long(at: Path) -> Path:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["model", "prompt", "completion", "gold"])
    table.writerows([one.model, one.prompt, one.response, one.key] for one in CASES)
    (at / "long.csv").write_text("\ufeff" + text.getvalue())
    return at / "long.csv"


@format_("long table with CommonsenseQA's fields, a file a model")
def _csqa(at: Path) -> Path:
    def row(one: Case) -> dict[str, Any]:
        options = {"label": list("ABCD"), "text": list(one.options.values())}
        return {"id": one.id, "question": one.stem, "question_concept": "x", "choices": options,
                "answerKey": one.key, "generated_text": one.response}  # fmt: skip

    return per_model(at / "models", ".jsonl", row)


@format_("long table of responses by id", questions=True)
def _by_id(at: Path) -> Path:
    return lines(
        at / "by_id.jsonl",
        ({"question_id": one.id, "model": one.model, "response": one.response} for one in CASES),
    )


@format_("text folder, a folder a question")
def _texts(at: Path) -> Path:
    for one in CASES:
        folder = at / "pasted" / one.id
        folder.mkdir(parents=True, exist_ok=True)
        text = one.prompt.removesuffix("Think step by step.")
        (folder / "question.txt").write_text(f"{text}\nAnswer: {one.key}\n")
        (folder / f"{one.model}.txt").write_text(one.response)
    return at / "pasted"


@format_("text folder, a folder a model")
def _turned(at: Path) -> Path:
    for one in CASES:
        for folder, text in (
            (one.model, one.response),
            ("questions", f"{one.prompt}\nAnswer: {one.key}"),
        ):
            (at / "chats" / folder).mkdir(parents=True, exist_ok=True)
            (at / "chats" / folder / f"{one.id}.txt").write_text(text)
    return at / "chats"


@format_("text folder, a folder a model, questions by id", questions=True)
def _turned_by_id(at: Path) -> Path:
    for one in CASES:
        (at / "chats" / one.model).mkdir(parents=True, exist_ok=True)
        (at / "chats" / one.model / f"{one.id}.md").write_text(one.response)
    return at / "chats"


def row_format(
    name: str, row: Callable[[Case], Any], *, one_model: bool = False, questions: bool = False
) -> None:
    """Registers a format that is JSON lines of one row a response."""

    def write(at: Path) -> Path:
        if one_model:
            return per_model(at / "models", ".jsonl", row)
        return lines(at / "rows.jsonl", map(row, CASES))

    format_(name, questions)(write)


def few_shot(one: Case) -> list[dict[str, str]]:
    """A conversation that begins with a worked example."""
    return [{"role": "user", "content": "What is wet?\nA. sea\nB. sand"},
            {"role": "assistant", "content": "Sand is dry. A."}, *turns(one)[1:]]  # fmt: skip


row_format(
    "text generation that repeats its prompt",
    lambda one: {"inputs": one.prompt, "generated_text": f"{one.prompt}\n{one.response}"},
    one_model=True,
)
row_format(
    "vLLM's request outputs",
    lambda one: {"request_id": "1", "prompt": one.prompt,
                 "outputs": [{"index": 0, "text": one.response, "finish_reason": "stop"}]},
    one_model=True,
)  # fmt: skip
row_format(
    "a trace with turns in and a turn out",
    lambda one: {"model": one.model, "input": asked(one)["messages"], "expected": one.key,
                 "output": {"role": "assistant", "content": one.response}},
)  # fmt: skip
row_format("messages that begin with a worked example",
           lambda one: {"model": one.model, "messages": few_shot(one)})  # fmt: skip
row_format(
    "messages that end with the question, and a response",
    lambda one: {"model": one.model, "messages": few_shot(one)[:-1], "response": one.response},
)
row_format(
    "an instruction before the question and steps after it",
    lambda one: {"model": one.model, "completion": one.response,
                 "prompt": f"Choose one of the options.\n\n{one.prompt}\n\n1. Think.\n2. Answer."},
)  # fmt: skip
row_format(
    "keys that count from 1",
    lambda one: {"model": one.model, "prompt": one.prompt, "response": one.response,
                 "label": str(one.index + 1)},
)  # fmt: skip
row_format(
    "an extracted answer beside the key",
    lambda one: {"model": one.model, "question": one.stem, "options": str([*one.options.values()]),
                 "answer": "D", "correct_answer": one.options[one.key], "response": one.response},
)  # fmt: skip
row_format(
    "options as pandas writes arrays",
    lambda one: {"model": one.model, "question": one.stem, "answerKey": one.key,
                 "choices": "{'label': array(['A' 'B' 'C' 'D'], dtype=object), 'text': array(["
                 + ",\n ".join(map(repr, one.options.values())) + "], dtype=object)}",
                 "response": one.response},
)  # fmt: skip
row_format(
    "Bedrock's Llama",
    lambda one: {"modelInput": {"prompt": one.prompt}, "recordId": one.id,
                 "modelOutput": {"generation": one.response, "stop_reason": "stop"}},
    one_model=True,
)  # fmt: skip


@format_("several questions in one conversation")
def _several(at: Path) -> Path:
    return lines(
        at / "chats.jsonl",
        ({"model": model, "messages": [turn for one in CASES if one.model == model
                                       for turn in turns(one)[1:]]} for model in (CLAUDE, GEMMA)),
    )  # fmt: skip


@format_("promptfoo CSV")
def _promptfoo_csv(at: Path) -> Path:
    rows: dict[str, dict[str, str]] = {}
    for one in CASES:
        options = json.dumps(list(one.options.values()))
        row = rows.setdefault(one.id, {"question": one.stem, "options": options, "answer": one.key})
        row[f"[{one.model}] {{{{question}}}}"] = f"[PASS] (1.00) {one.response}"
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows["q0"]))
    table.writeheader()
    table.writerows(rows.values())
    (at / "out.csv").write_text(text.getvalue())
    return at / "out.csv"


@format_("an object of rows by model")
def _by_model(at: Path) -> Path:
    def row(one: Case) -> dict[str, Any]:
        return {"question": one.stem, "options": one.options, "answer": one.index,
                "response": one.response}  # fmt: skip

    value = {m: [row(one) for one in CASES if one.model == m] for m in (CLAUDE, GEMMA)}
    (at / "all.json").write_text(json.dumps(value))
    return at / "all.json"


@format_("a mapping from model to body in each row")
def _bodies(at: Path) -> Path:
    pairs = [[one for one in CASES if one.id == f"q{number}"] for number in range(len(THINGS))]
    return lines(
        at / "pairs.jsonl",
        ({"question": both[0].stem, "choices": both[0].options, "answer": both[0].key,
          "responses": {one.model: completion(one) for one in both}} for both in pairs),
    )  # fmt: skip


@format_("a folder with the questions beside files of responses")
def _with_questions(at: Path) -> Path:
    questions_file(at)
    return per_model(at, ".jsonl", lambda one: {"id": one.id, "output": one.response})


def questions_file(at: Path) -> Path:
    """The questions, by id, in our own lines."""
    rows = [
        {"id": one.id, "question": one.stem, "answer": one.key,
         "options": [{"label": a, "text": b} for a, b in one.options.items()]}
        for one in CASES if one.model == CLAUDE
    ]  # fmt: skip
    return lines(at / "questions.jsonl", rows)
