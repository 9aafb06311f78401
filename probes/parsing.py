"""Rows -> questions: our own lines, and the rows and tasks of data sets as their hub has them.

CommonsenseQA, ARC, OpenBookQA, MMLU, GSM8K, HellaSwag, SciQ, RACE and the like: what differs is
where stem, options and key stand, not what they are. Of a task of the lm-evaluation-harness
(`lm-eval:arc_challenge`) they are what the task itself makes of its documents, so any
multiple-choice task will do, and one whose answer is generated as a question without options.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starprobe.probes.choices import (
    Choice,
    Described,
    by_index,
    by_label,
    by_text,
    choices,
    is_empty,
    keys,
    letter,
    low,
    options_in_row,
    options_in_text,
)
from starprobe.probes.conditions import ALPHABETS
from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.formats import Row, plain_json
from starprobe.probes.schema import Option, Question

STEMS = (
    "question", "question_text", "question_stem", "stem", "query", "problem", "ctx", "goal",
    "instruction", "input", "sentence", "prompt",
)  # fmt: skip
"""Names that a question goes by, the likeliest first; case does not matter."""
PASSAGES = ("passage", "article", "context", "story", "premise")
"""What a question is about, where that stands in a field of its own."""
IDS = ("id", "question_id", "qid", "example_id", "uid", "ind", "idx")
ANSWERS = (
    "answer_key", "correct_answer", "gold", "gold_answer", "gold_label", "ground_truth",
    "correct_option", "correct_label", "right_answer", "reference_answer", "correct", "answer",
    "target", "label", "reference", "expected", "expected_output", "expected_answer", "ideal",
    "answer_index", "answer_idx", "gold_index", "correct_index", "cop", "solution", "key",
)  # fmt: skip
OWN = ("id", "question", "options", "answer")
"""The fields of our own lines."""


def describe(row: Mapping[str, Any], where: str) -> Described:
    """Stem and options of a row, whatever their fields are called.

    Options that are no field are looked for in the stem's text.

    Raises:
        InputError: a field looks like options and is not understood.
    """
    found = options_in_row(row, where)
    stem, used = _stem(row, found.used)
    if stem is not None and not found.choices and (inside := options_in_text(stem)):
        return Described(inside.stem, inside.options, None, used)
    return found._replace(stem=stem, used=(*used, *found.used))


def _answer_fields(row: Mapping[str, Any], used: Sequence[str] = ()) -> dict[str, str]:
    """Name as we compare it -> the row's field, of those that may hold a key, likeliest first."""
    names = {low(name): name for name in reversed(list(row)) if name not in used}
    return {
        name: names[name] for name in ANSWERS if name in names and not is_empty(row[names[name]])
    }


def _stem(row: Mapping[str, Any], taken: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    names = {low(name): name for name in reversed(list(row)) if name not in taken}
    nested = row.get("question")
    if isinstance(nested, Mapping):
        said = nested.get("stem", nested.get("text"))
        return (said.strip() if isinstance(said, str) else None), ("question",)
    field = next((names[n] for n in STEMS if n in names and _is_text(row[names[n]])), None)
    if field is None:
        return None, ()
    parts = [field]
    if low(field) == "instruction" and "input" in names and _is_text(row[names["input"]]):
        parts.append(names["input"])
    if low(field) != "ctx":
        about = next((names[n] for n in PASSAGES if n in names and _is_text(row[names[n]])), None)
        parts = parts if about is None else [about, *parts]
    return "\n\n".join(str(row[name]).strip() for name in parts), tuple(parts)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def parse_questions(rows: Sequence[Row]) -> list[Question]:
    """The questions of a file's rows; answer keys are read the same way in all of them.

    Raises:
        InputError: naming where the row stands, and the field.
    """
    others = [(where, row) for where, row in rows if not _is_own(row)]
    described = [describe(row, where) for where, row in others]
    labels = key_labels(others, described)
    told = iter(zip(described, labels, strict=True))
    questions = []
    for where, row in rows:
        if _is_own(row):
            questions.append(_own_question(row, where))
        else:
            said, (label, field) = next(told)
            questions.append(_question(row, where, said, label, field))
    return _without_copies(rows, questions)


def parse_question(row: dict[str, Any], where: str) -> Question:
    """One row as a question; fields that are no part of it are kept as metadata.

    Options get the ids o1, o2, ... in file order unless they name their own, and the labels A, B,
    ... unless they have some.

    Args:
        row: the parsed line.
        where: file and line, for the error.

    Raises:
        InputError: naming `where` and the field.
    """
    return _own_question(row, where) if _is_own(row) else parse_questions([(where, row)])[0]


def _is_own(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of our own lines, which are read to the letter."""
    options = row.get("options")
    written = isinstance(options, list) and any(isinstance(one, Mapping) for one in options)
    if isinstance(row.get("id"), str | int) and isinstance(row.get("question"), str):
        if written:
            return all(
                isinstance(one, Mapping) and set(one) <= {"id", "label", "text"}
                for one in options or ()
            )
        if options in (None, []) and "options" in row:
            return True
    return False


def key_labels(
    rows: Sequence[Row], described: Sequence[Described]
) -> list[tuple[str | None, str | None]]:
    """(label or answer, the field it stands in) of each row, from the field that fits most rows."""
    names = dict.fromkeys(
        name
        for (_, row), said in zip(rows, described, strict=True)
        for name in _answer_fields(row, said.used)
    )
    best: list[tuple[str | None, str | None]] = [(None, None)] * len(rows)
    fitted = -1
    for name in sorted(names, key=ANSWERS.index):
        fields = [
            _answer_fields(row, said.used).get(name)
            for (_, row), said in zip(rows, described, strict=True)
        ]
        values = [
            None if field is None else row[field]
            for field, (_, row) in zip(fields, rows, strict=True)
        ]
        values = _by_column(values, described)
        given = [(value, said.choices) for value, said in zip(values, described, strict=True)]
        found = keys(given, name)
        count = sum(label is not None for label in found)
        if count > fitted:
            best, fitted = list(zip(found, fields, strict=True)), count
    return best


def _by_column(values: Sequence[Any], described: Sequence[Described]) -> list[Any]:
    """The keys, with a number in text that names one of `option1`, `option2`, ... as its letter."""
    numbers = [one for one in values if isinstance(one, str) and one.strip().isdigit()]
    if any(one.strip() == "0" for one in numbers):
        return list(values)
    return [
        letter(int(value) - 1) if value in numbers and said.first == 1 and int(value) > 0 else value
        for value, said in zip(values, described, strict=True)
    ]


def _question(
    row: dict[str, Any], where: str, said: Described, label: str | None, field: str | None
) -> Question:
    if said.stem is None:
        raise InputError(
            f"{where}: field 'question' is missing; found {', '.join(row)[:200]}; a question "
            f"stands under one of {', '.join(STEMS)}"
        )
    if said.right is not None:
        label = next(one.label for one in said.choices if one.text == said.right)
    elif said.choices and label is None:
        for name in _answer_fields(row, said.used).values():
            if not isinstance(row[name], bool):
                labels = ", ".join(one.label for one in said.choices)
                raise InputError(
                    f"{where}: field {name!r} is {row[name]!r:.60}, which is none of the labels "
                    f"{labels}, of the options' texts, or their number"
                )
    options = _options(said.choices, where)
    names = {low(name): name for name in reversed(list(row))}
    named = next((names[n] for n in IDS if n in names and _is_id(row[names[n]])), None)
    taken = {*said.used, *([field] if field else []), *([named] if named else [])}
    metadata = plain_json({name: value for name, value in row.items() if name not in taken})
    _writable({"question": said.stem} | metadata, where)
    answer_id = next((one.id for one in options if one.label == label), None)
    return Question(
        id=str(row[named]).strip() if named else content_id(said.stem, [o.text for o in options]),
        stem=said.stem,
        options=options,
        answer_id=answer_id,
        answer_text=label if not options else None,
        metadata=metadata,
    )


def _is_id(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole or (isinstance(value, str) and bool(value.strip()))


def _options(found: Sequence[Choice], where: str) -> tuple[Option, ...]:
    if len(found) > len(ALPHABETS["upper"]):
        raise InputError(f"{where}: {len(found)} options; at most {len(ALPHABETS['upper'])}")
    labels = [one.label for one in found]
    for what, values in (("label", labels), ("text", [one.text for one in found])):
        if len(set(values)) < len(values):
            raise InputError(f"{where}: field 'options' repeats a {what}: {values!r:.120}")
    return _numbered(found)


def _numbered(found: Sequence[Choice]) -> tuple[Option, ...]:
    return tuple(
        Option(id=f"o{number}", text=one.text, label=one.label)
        for number, one in enumerate(found, start=1)
    )


def _without_copies(rows: Sequence[Row], questions: Sequence[Question]) -> list[Question]:
    """A question whose id is its content stands once; two keys for it are an error."""
    kept: dict[str, Question] = {}
    result = []
    for (where, _), one in zip(rows, questions, strict=True):
        if one.id != content_id(one.stem, [option.text for option in one.options]):
            result.append(one)
            continue
        before = kept.setdefault(one.id, one)
        if before is one:
            result.append(one)
        elif _right(before) != _right(one):
            raise InputError(f"{where}: the same question stands before with another answer")
    return result


def _right(question: Question) -> str | None:
    if question.answer_id is None:
        return question.answer_text
    return question.option(question.answer_id).text


def content_key(stem: str, options: Sequence[str]) -> str:
    """A question's identity: its stem and the set of its options, in whatever order."""
    texts = sorted(" ".join(one.split()) for one in options)
    return "\x1f".join([" ".join(stem.split()), *texts])


def content_id(stem: str, options: Sequence[str]) -> str:
    """An id made of the content: the same question has it in every file."""
    key = content_key(stem, options)
    return "q" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _writable(value: Any, where: str) -> None:
    try:  # Half of a surrogate pair is valid JSON, and cannot be written to any file again.
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{where}: holds half of a surrogate pair, which is no character"
        ) from None


def _own_question(row: dict[str, Any], where: str) -> Question:
    """One of our own lines: `id`, `question`, `options` of `{label, text}`, `answer`."""
    _writable(row, where)
    question_id = _string(row, "id", where)
    stem = _string(row, "question", where)
    options = _own_options(row.get("options", []), where)
    answer_id, answer_text = _own_answer(row.get("answer"), options, where)
    return Question(
        id=question_id,
        stem=stem,
        options=options,
        answer_id=answer_id,
        answer_text=answer_text,
        metadata={name: value for name, value in row.items() if name not in OWN},
    )


def _string(row: Mapping[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if field == "id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        state = "is missing" if field not in row else f"must be text, not {value!r}"
        raise InputError(f"{where}: field {field!r} {state}")
    return value.strip()


def _own_options(value: Any, where: str) -> tuple[Option, ...]:
    if value is None:
        return ()
    options = tuple(_own_option(one, index, where) for index, one in enumerate(value))
    if len(options) == 1:
        raise InputError(f"{where}: field 'options' holds one option; at least two, or none")
    for name in ("id", "label"):
        values = [getattr(option, name) for option in options]
        if len(set(values)) < len(values):
            raise InputError(f"{where}: field 'options' repeats a {name}: {values}")
    return options


def _own_option(value: Mapping[str, Any], index: int, where: str) -> Option:
    field = f"options[{index}]"
    text = value.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: field '{field}.text' must be text, not {text!r}")
    label, option_id = value.get("label"), value.get("id")
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    if label is None and index >= len(ALPHABETS["upper"]):
        raise InputError(f"{where}: field {field!r} needs a label of its own (past J)")
    for name, given in (("label", label), ("id", option_id)):
        if given is not None and not (isinstance(given, str) and given.strip()):
            raise InputError(f"{where}: field '{field}.{name}' must be text, not {given!r}")
    shown = str(label or ALPHABETS["upper"][index]).strip()
    return Option(id=str(option_id or f"o{index + 1}"), text=text.strip(), label=shown)


def _own_answer(value: Any, options: Sequence[Option], where: str) -> tuple[str | None, str | None]:
    """(answer id, answer text); the text only for questions without options."""
    if value is None:
        return None, None
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise InputError(f"{where}: field 'answer' must be a label, text or null, not {value!r}")
    if not options:
        return None, str(value).strip()
    label = keys([(value, [Choice(label=one.label, text=one.text) for one in options])])[0]
    for option in options:
        if option.label == label:
            return option.id, None
    labels = ", ".join(option.label for option in options)
    raise InputError(f"{where}: field 'answer' is {value!r}, which is none of the labels {labels}")


TASK = "lm-eval:"
"""What the name of a task of the harness begins with."""
_ENDS = re.compile(r"\s*\n?\s*(?:answer|a)\s*:?\s*$", re.IGNORECASE)
_BEGINS = re.compile(r"^\s*(?:question|q)\s*:\s*", re.IGNORECASE)


def task_questions(name: str) -> list[Question]:
    """The questions of a task or of all tasks of a group.

    Args:
        name: `lm-eval:TASK`, `lm-eval:TASK@FOLDER` for a task of one's own in a folder, or
            `lm-eval:FILE.yaml`.

    Raises:
        InputError: there is no such task, its data cannot be had, or it asks otherwise.
        MissingError: the harness is not installed.
    """
    tasks = _tasks(name)
    questions: dict[str, Question] = {}
    for task_name, task in tasks.items():
        for index, doc in enumerate(_docs(task, name)):
            where = f"{name}, document {index + 1}" + (f" of {task_name}" if len(tasks) > 1 else "")
            one = _asked(task, doc, where)
            tagged = one.metadata | ({"subset": task_name} if len(tasks) > 1 else {})
            questions.setdefault(one.id, one.model_copy(update={"metadata": tagged}))
    return list(questions.values())


def _tasks(name: str) -> dict[str, Any]:
    try:
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError:
        raise MissingError(f"{name}: needs lm-eval: pip install 'starprobe[lm-eval]'") from None
    wanted, _, folder = name.removeprefix(TASK).partition("@")
    if wanted.endswith((".yaml", ".yml")):
        if not Path(wanted).is_file():
            raise InputError(f"{name}: no such file")
        folder = str(Path(wanted).parent)
        found = re.search(r"^task:\s*['\"]?([\w.\-]+)", Path(wanted).read_text("utf-8"), re.M)
        wanted = found[1] if found else Path(wanted).stem
    manager = TaskManager(include_path=folder or None, include_defaults=not folder)
    if wanted not in manager.all_tasks:
        near = difflib.get_close_matches(wanted, list(manager.all_tasks), n=1)
        advice = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"{name}: the lm-evaluation-harness has no task {wanted!r}{advice}")
    try:
        return dict(manager.load(wanted)["tasks"])
    except Exception as error:  # Whatever a hub, a data set's script or a template raises.
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{name}: its data cannot be had here: {first:.200}") from error


def _docs(task: Any, name: str) -> Iterable[Mapping[str, Any]]:
    if task.has_test_docs():
        return list(task.test_docs())
    if task.has_validation_docs():
        return list(task.validation_docs())
    raise InputError(f"{name}: has neither a test nor a validation split")


def _asked(task: Any, doc: Mapping[str, Any], where: str) -> Question:
    text = task.doc_to_text(doc)
    if not isinstance(text, str):
        raise InputError(f"{where}: the task asks with a text for each option, not with a question")
    target = task.doc_to_target(doc)
    row = dict(doc)
    if task.config.doc_to_choice is None:
        stem = _plain_stem(row, text, (), where)
        answer = target if isinstance(target, str | int | float) else None
        return Question(
            id=content_id(stem, ()),
            stem=stem,
            answer_text=None if answer is None else str(answer).strip(),
            metadata=_metadata(row),
        )
    given = [str(one).strip() for one in task.doc_to_choice(doc)]
    said = _texts(given, row, text, where)
    stem = _plain_stem(row, text, said, where)
    label = _label(target, given, said)
    if label is None:
        raise InputError(f"{where}: its target {target!r:.60} is none of its choices")
    options = _numbered(said)
    key = next(option.id for option in options if option.label == label)
    return Question(
        id=content_id(stem, [one.text for one in options]),
        stem=stem,
        options=options,
        answer_id=key,
        metadata=_metadata(row),
    )


def _metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if isinstance(value, str | int | float)}
    return dict(plain_json(kept))


def _texts(
    given: Sequence[str], row: Mapping[str, Any], text: str, where: str
) -> tuple[Choice, ...]:
    """The options with their texts: where the task offers letters, they stand in its prompt."""
    if not all(re.fullmatch(r"\(?[A-Ja-j1-9]\)?\.?", one) for one in given):
        return choices(list(given), where)
    inside = options_in_text(text)
    found = inside.options if inside else describe(row, where).choices
    if len(found) < len(given) and len({*given}) == len(given) > 1 and given[0].isdigit():
        return choices(list(given), where)  # They are numbers, not labels.
    if len(found) != len(given):
        raise InputError(f"{where}: offers {', '.join(given)}, whose texts are not to be found")
    return found


def _plain_stem(row: Mapping[str, Any], text: str, said: Sequence[Choice], where: str) -> str:
    """The question without its options and without the harness's own frame around it."""
    try:
        own = describe(row, where)
    except InputError:
        own = None
    if own is not None and own.stem and own.stem in text:
        wanted = {one.text for one in said}
        if not wanted or wanted == {one.text for one in own.choices}:
            return own.stem
    inside = options_in_text(text)
    stem = inside.stem if inside else _BEGINS.sub("", _ENDS.sub("", text))
    if not stem.strip():
        raise InputError(f"{where}: its text is empty")
    return stem.strip()


def _label(target: Any, given: Sequence[str], said: Sequence[Choice]) -> str | None:
    if isinstance(target, list) and len(target) == 1:
        target = target[0]
    if isinstance(target, bool) or not isinstance(target, int | str):
        return None
    if isinstance(target, int):
        return by_index(target, said)
    text = target.strip()
    if text in given:
        return said[list(given).index(text)].label
    return by_label(text, said) or by_text(text, said) or by_index(text, said)
