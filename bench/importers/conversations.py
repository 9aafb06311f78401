"""Conversations: `messages` and ShareGPT rows, exports of ChatGPT and Claude.ai, and pasted texts.

The question is the user's turn, the response the model's turn behind it. What else was said in a
chat, in turns without options beside others that have some, is left out and counted.

Of texts as one pastes them out of chats, FOLDER/question.txt holds the question with its options,
and a line `Answer: B` if the key is known; FOLDER/MODEL.txt a model's response to it,
FOLDER/MODEL.2.txt its second one. Or one such folder a question, side by side. Or the other way
round: a folder a model, MODEL/QUESTION.txt, with the questions in `questions/QUESTION.txt`, beside
the folders as QUESTION.txt, or by --questions. Or all stand in one Markdown file that
`starprobe prompts export` has written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.importers.bodies import model_name, turns_of
from starprobe.bench.importers.columns import NAMES
from starprobe.bench.importers.join import PLACEHOLDER, named_by
from starprobe.bench.importers.sample import Sample, Stated, all_stated, completed, stated
from starprobe.bench.models.thinking import content_parts, join, split_reasoning
from starprobe.probes.choices import Described, label_of, low, options_in_text, parsed
from starprobe.probes.errors import InputError
from starprobe.probes.formats import Row
from starprobe.probes.parsing import describe

FIELDS = (
    "messages", "conversations", "conversation", "turns", "chat", "dialog", "dialogue",
    "chat_messages",
)  # fmt: skip
PAIRS = ("chosen", "rejected")
QUESTION = ("question.txt", "question.md", "prompt.txt", "prompt.md")
QUESTIONS = ("questions", "prompts", "question", "prompt", "_questions")
KINDS = {".txt", ".md"}
_REPEAT = re.compile(r"^(?P<name>.+)[.#](?P<number>\d+)$")
_ANSWER = re.compile(r"^\s*(?:answer|key)\s*:\s*\(?(?P<key>\S.*?)\)?\s*$", re.IGNORECASE | re.M)
_SECTION = re.compile(r"^<!-- prompt: (?P<id>.+?) -->\s*$", re.MULTILINE)
_RESPONSE = re.compile(
    r"^Response of (?P<model>[^\n]*?):\s*\n+~~~~?[^\n]*\n(?P<text>.*?)\n?~~~~?\s*$",
    re.MULTILINE | re.DOTALL,
)


class Turn(NamedTuple):
    """A question and what a model said to it."""

    asked: str
    said: str
    reasoning: str | None = None
    model: str = ""
    before: str = ""
    """What was sent before it: the system's turn and worked examples."""


def fits(row: Mapping[str, Any]) -> bool:
    """Whether a row is a conversation that a model's turn ends, or an exported chat."""
    if isinstance(row.get("mapping"), Mapping):
        return True
    if all(_list(row.get(name)) for name in PAIRS) and not any(_list(row.get(n)) for n in FIELDS):
        return True
    field = _field(row)
    roles = [role for role, _ in turns_of(_list(row[field]))] if field else []
    if not roles or "assistant" not in roles:
        return False
    return roles[-1] == "assistant" or not any(low(name) in NAMES["response"] for name in row)


def samples(rows: Sequence[Row], notes: list[str]) -> Iterator[Sample]:
    """One sample a response.

    Args:
        rows: the rows.
        notes: takes a line on what was left out.

    Raises:
        InputError: a row that is no conversation.
    """
    turned = _without_examples(rows, [_turns(row, where) for where, row in rows], notes)
    questions = all_stated(
        [(where, _rest(row)) for where, row in rows],
        [_about(row, where) for where, row in rows],
        [turns[0].asked if len(turns) == 1 else None for turns in turned],
    )
    left = 0
    found: list[tuple[Sample, bool]] = []
    for (where, row), own, turns in zip(rows, questions, turned, strict=True):
        for turn in turns:
            shown = own
            if len(turns) > 1:
                shown = stated(completed(Described(None), turn.asked), None, turn.asked)
            model = turn.model or _model(row)
            found.append((_sample(where, row, turn, shown, model), bool(shown.options)))
    several = any(len(turns) > 1 for turns in turned) or "mapping" in rows[0][1]
    for sample, has_options in found:
        if several and not has_options and any(with_options for _, with_options in found):
            left += 1
            continue
        yield sample
    if left:
        notes.append(f"{left} turns without options, beside others that have some, are left out")


def _sample(where: str, row: Mapping[str, Any], turn: Turn, shown: Stated, model: str) -> Sample:
    names = ("question_id", "custom_id", "prompt_id", "id", "conversation_id")
    return Sample(
        where=where,
        names=tuple(str(row[n]) for n in names if isinstance(row.get(n), str | int)),
        **shown._asdict(),
        response=turn.said,
        reasoning=turn.reasoning,
        model=model,
        prompt="\n\n".join(part for part in (turn.before, turn.asked) if part),
    )


def _about(row: Mapping[str, Any], where: str) -> Described:
    """What the row says of its question beside the conversation."""
    if "mapping" in row or low("chat_messages") in row:
        return Described(None)
    return describe(_rest(row), where)


def _rest(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in row.items()
        if low(name) not in (*FIELDS, *PAIRS, "mapping", "prompt", "title", "name")
    }


def _turns(row: Mapping[str, Any], where: str) -> list[Turn]:
    if isinstance(row.get("mapping"), Mapping):
        return list(_tree(row["mapping"]))
    field = _field(row)
    if field is None:
        if all(_list(row.get(name)) for name in PAIRS):
            raise InputError(
                f"{where}: holds two responses, chosen and rejected; say which is meant: "
                f"--map prompt=prompt --map response=chosen.1.content"
            )
        raise InputError(f"{where}: holds no conversation, as the rows before it do")
    said = _list(row[field])
    turns = turns_of(said)
    pairs: list[Turn] = []
    system = "\n\n".join(text for role, text in turns if role == "system")
    for index, (role, text) in enumerate(turns):
        if role != "assistant" or index == 0 or turns[index - 1][0] != "user":
            continue
        text, thought = _parts(said[index], text)
        model = model_name(said[index])
        pairs.append(Turn(turns[index - 1][1], text, thought, model, system))
    if not pairs:
        raise InputError(f"{where}: no turn of a model follows one of a user ({field!r})")
    return pairs


def _without_examples(
    rows: Sequence[Row], turned: Sequence[list[Turn]], notes: list[str]
) -> list[list[Turn]]:
    """The turns without those that stand in several conversations: worked examples."""
    if len(rows) < 2 or "mapping" in rows[0][1] or "chat_messages" in rows[0][1]:
        return list(turned)
    met = Counter(
        pair for turns in turned for pair in {(one.asked, one.said) for one in turns[:-1]}
    )
    shared = {pair for pair, count in met.items() if count > 1}
    result, examples = [], 0
    for turns in turned:
        shown = [one for one in turns[:-1] if (one.asked, one.said) in shared]
        before = "\n\n".join(text for one in shown for text in (one.asked, one.said))
        examples += bool(shown)
        result.append(
            [
                one._replace(before="\n\n".join(filter(None, (one.before, before))))
                for one in turns
                if one not in shown
            ]
        )
    if examples:
        notes.append(f"{examples} conversations begin with worked examples, which are no responses")
    return result


def _parts(turn: Mapping[str, Any], text: str) -> tuple[str, str | None]:
    """Text and thinking of a model's turn."""
    inside = content_parts(turn.get("content")) if turn.get("content") else split_reasoning(text)
    apart = [str(turn[n]) for n in ("reasoning_content", "reasoning", "thinking") if turn.get(n)]
    return inside.text, join(*apart, inside.reasoning)


def _tree(mapping: Mapping[str, Any]) -> Iterator[Turn]:
    """The turns of a chat that may have branches: an answer made anew is one more response."""
    for node in mapping.values():
        if _role(node) != "user" or not (asked := _written(node)):
            continue
        for child in node.get("children") or []:
            texts, thoughts, model = [], [], ""
            at = mapping.get(child)
            while isinstance(at, Mapping) and _role(at) != "user":
                message = at.get("message") or {}
                kind = (message.get("content") or {}).get("content_type")
                if _role(at) == "assistant" and message.get("recipient") in (None, "all"):
                    if kind in {"text", "multimodal_text"}:
                        texts.append(_written(at))
                    elif kind == "thoughts":
                        said = message["content"].get("thoughts") or []
                        thoughts += [str(one.get("content") or "") for one in said]
                    meta = message.get("metadata") or {}
                    model = meta.get("model_slug") or meta.get("default_model_slug") or model
                following = at.get("children") or []
                at = mapping.get(following[-1]) if following else None
            text = "\n\n".join(one for one in texts if one)
            if text:
                yield Turn(asked, text, join(*thoughts), str(model))


def _role(node: Mapping[str, Any]) -> str:
    return str((((node.get("message") or {}).get("author")) or {}).get("role") or "")


def _written(node: Mapping[str, Any]) -> str:
    parts = ((node.get("message") or {}).get("content") or {}).get("parts") or []
    return "\n".join(
        part if isinstance(part, str) else str(part.get("text") or "")
        for part in parts
        if isinstance(part, str | Mapping)
    ).strip()


def _field(row: Mapping[str, Any]) -> str | None:
    by_low = {low(name): name for name in reversed(list(row))}
    return next((by_low[n] for n in FIELDS if n in by_low and _list(row[by_low[n]])), None)


def _list(value: Any) -> list[Mapping[str, Any]]:
    """A list of turns, which a table may hold as JSON."""
    value = parsed(value) if isinstance(value, str) else value
    good = isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value)
    marks = {"role", "from", "sender"}
    return list(value) if good and all(marks & set(one) for one in value) else []


def _model(row: Mapping[str, Any]) -> str:
    names = ("model", "model_name", "model_id", "default_model_slug")
    said = next((row[name] for name in names if isinstance(row.get(name), str)), "")
    return said or ("claude.ai" if "chat_messages" in row else "")


def folder_samples(folder: Path, ids: Sequence[str] = ()) -> Iterator[Sample]:
    """One sample a text file.

    Args:
        folder: the folder.
        ids: of questions that will be joined; files or folders may be named by them.

    Raises:
        InputError: no question, or no response.
    """
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir() and _texts(path)]
    asked = [one for one in (folder, *inner) if _question_file(one) is not None]
    if asked:
        strays = [path for path in inner if path not in asked and path.name not in QUESTIONS]
        if strays:
            raise InputError(f"{strays[0]}: has no question.txt, as {asked[-1]} has")
        for one in asked:
            yield from _by_question(one)
        return
    written = _questions(folder, inner)
    models = [path for path in inner if path.name.lower() not in QUESTIONS]
    known = {*written, *ids}
    if models and known:
        by_model = {_bare(file) for path in models for file in _texts(path)} & known
        by_question = {path.name for path in models} & known
        if bool(by_model) != bool(by_question):
            for path in models:
                for file in _texts(path):
                    yield _named(path, file, written, by_model=bool(by_model))
            return
    names = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
    raise InputError(
        f"{folder}: found {names}; missing: a question.txt with the question and its options, one "
        f"line: (A) ..., beside the responses MODEL.txt; or questions/QUESTION.txt beside "
        f"MODEL/QUESTION.txt; or --questions SET|FILE whose ids name the files"
    )


def _named(folder: Path, file: Path, written: dict[str, Path], by_model: bool) -> Sample:
    """The response in MODEL/QUESTION.txt, or in QUESTION/MODEL.txt."""
    stem = _bare(file)
    question, model = (stem, folder.name) if by_model else (folder.name, stem)
    base = _asked(written[question]) if question in written else Sample(where=str(file))
    return _answered(base, file, question, model)


def _answered(base: Sample, file: Path, question: str, model: str) -> Sample:
    """The response in a file to what `base` asks."""
    repeated = _REPEAT.match(file.stem)
    return base.model_copy(
        update={
            "where": str(file),
            "names": (question,),
            "response": _read(file).strip(),
            "model": model,
            "repeat": int(repeated["number"]) - 1 if repeated else 0,
        }
    )


def _bare(file: Path) -> str:
    repeated = _REPEAT.match(file.stem)
    return repeated["name"] if repeated else file.stem


def _questions(folder: Path, inner: Sequence[Path]) -> dict[str, Path]:
    """Name -> file of the questions, in a folder of their own or beside the folders."""
    own = next((path for path in inner if path.name.lower() in QUESTIONS), None)
    return {file.stem: file for file in _texts(own or folder)}


def _by_question(folder: Path) -> Iterator[Sample]:
    path = _question_file(folder)
    assert path is not None
    base = _asked(path)
    responses = [file for file in _texts(folder) if file.name not in QUESTION]
    if not responses:
        raise InputError(f"{folder}: found {path.name}; missing: responses, one MODEL.txt each")
    for file in responses:
        yield _answered(base, file, folder.name, _bare(file))


def _asked(path: Path) -> Sample:
    """The question in a file, without a response."""
    text = _read(path)
    key = _ANSWER.search(text)
    text = _ANSWER.sub("", text).strip()
    inside = options_in_text(text)
    stem, options = (inside.stem, inside.options) if inside else (text, ())
    answer = label_of(key["key"], options) if key else None
    if key and answer is None:
        raise InputError(f"{path}: 'Answer: {key['key']}' is none of its options")
    return Sample(where=str(path), question=stem, options=options, answer=answer, prompt=text)


def _question_file(folder: Path) -> Path | None:
    return next((folder / name for name in QUESTION if (folder / name).is_file()), None)


def _texts(folder: Path) -> list[Path]:
    return [
        file for file in sorted(folder.iterdir()) if file.suffix.lower() in KINDS and file.is_file()
    ]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def markdown_samples(path: Path) -> Iterator[Sample]:
    """The responses that were pasted into an exported Markdown file; empty ones are left out.

    Raises:
        InputError: it is no such file, or a response has no model.
    """
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    marks = list(_SECTION.finditer(text))
    if not marks:
        raise InputError(
            f"{path}: is no file of `starprobe prompts export --format markdown`; missing: its "
            f"lines <!-- prompt: ID -->"
        )
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=True):
        for found in _RESPONSE.finditer(text[mark.end() : end]):
            said, model = found["text"].strip(), found["model"].strip()
            if not said:
                continue
            if model == PLACEHOLDER:
                raise InputError(
                    f"{path}, {mark['id']}: write the model's name in 'Response of {PLACEHOLDER}:'"
                )
            yield Sample(
                where=f"{path}, {mark['id']}",
                names=(mark["id"],),
                repeat=next((number for _, number in named_by(mark["id"])), 0),
                response=said,
                model=model,
            )
