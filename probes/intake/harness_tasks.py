"""Tasks of the lm-evaluation-harness as sets of questions: `lm-eval:arc_challenge`.

Stem, options and key are what the task itself makes of its documents, so any multiple-choice task
will do, and a task whose answer is generated as a question without options.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starprobe.probes.errors import InputError, MissingError
from starprobe.probes.intake.files import plain_json
from starprobe.probes.intake.options import by_index, by_label, by_text, choices
from starprobe.probes.intake.options_text import Choice, options_in_text
from starprobe.probes.intake.questions import content_id, describe
from starprobe.probes.schema import Option, Question

PREFIX = "lm-eval:"
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
    tasks = _load(name)
    questions: dict[str, Question] = {}
    for task_name, task in tasks.items():
        for index, doc in enumerate(_docs(task, name)):
            where = f"{name}, document {index + 1}" + (f" of {task_name}" if len(tasks) > 1 else "")
            one = _question(task, doc, where)
            tagged = one.metadata | ({"subset": task_name} if len(tasks) > 1 else {})
            questions.setdefault(one.id, one.model_copy(update={"metadata": tagged}))
    return list(questions.values())


def _load(name: str) -> dict[str, Any]:
    try:
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError:
        raise MissingError(f"{name}: needs lm-eval: pip install 'starprobe[lm-eval]'") from None
    wanted, _, folder = name.removeprefix(PREFIX).partition("@")
    if wanted.endswith((".yaml", ".yml")):
        if not Path(wanted).is_file():
            raise InputError(f"{name}: no such file")
        folder = str(Path(wanted).parent)
        found = re.search(r"^task:\s*['\"]?([\w.\-]+)", Path(wanted).read_text("utf-8"), re.M)
        wanted = found[1] if found else Path(wanted).stem
    manager = TaskManager(include_path=folder or None, include_defaults=not folder)
    if wanted not in manager.all_tasks:
        near = _near(wanted, manager.all_tasks)
        raise InputError(f"{name}: the lm-evaluation-harness has no task {wanted!r}{near}")
    try:
        return dict(manager.load(wanted)["tasks"])
    except Exception as error:  # Whatever a hub, a data set's script or a template raises.
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{name}: its data cannot be had here: {first:.200}") from error


def _near(wanted: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(wanted, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _docs(task: Any, name: str) -> Iterable[Mapping[str, Any]]:
    if task.has_test_docs():
        return list(task.test_docs())
    if task.has_validation_docs():
        return list(task.validation_docs())
    raise InputError(f"{name}: has neither a test nor a validation split")


def _question(task: Any, doc: Mapping[str, Any], where: str) -> Question:
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
    options = tuple(
        Option(id=f"o{number}", text=one.text, label=one.label)
        for number, one in enumerate(said, start=1)
    )
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
