"""`samples_TASK_DATE.jsonl` of the lm-evaluation-harness.

It holds one row a document and filter, all filters with the same responses; the model's name stands
in the folder's name only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from starprobe.bench.importers.fields import choices, label_of
from starprobe.bench.importers.options_text import options_in_text
from starprobe.bench.importers.sample import Choice, Sample
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt

STEMS = ("question", "question_stem", "stem", "query", "problem", "input", "ctx", "goal", "text")
OPTIONS = ("options", "choices", "answer_choices", "endings", "candidates")
ANSWERS = ("answerKey", "answer_key", "answer", "label", "gold", "answer_index", "correct")


def fits(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of the harness's."""
    return {"doc", "resps", "arguments"} <= set(row)


def samples(rows: Iterable[tuple[str, dict[str, Any]]], path: Path) -> Iterator[Sample]:
    """One sample a response: a task with repeats has several of them a document.

    Raises:
        InputError: the responses are log-likelihoods and hold no text.
    """
    model = path.parent.name.replace("__", "/")
    task = path.stem.removeprefix("samples_").rsplit("_", 1)[0]
    seen: set[Any] = set()
    for where, row in rows:
        key = row.get("doc_id"), row.get("doc_hash")
        if key in seen:
            continue
        seen.add(key)
        prompt = _prompt(row["arguments"])
        stem, options, answer = _question(row, prompt, where)
        ours = _own_prompt(row["doc"])
        for repeat, text in enumerate(_texts(row["resps"], where)):
            yield Sample(
                question_id=ours.question_id if ours else f"{task}-{row.get('doc_id')}",
                question=stem,
                options=options,
                response=text,
                answer=answer,
                model=model,
                condition=ours.condition if ours else task,
                repeat=repeat,
                prompt=prompt,
            )


def _own_prompt(doc: Any) -> Prompt | None:
    """The prompt in a document of a task that `starprobe tasks export` has written."""
    if not isinstance(doc, Mapping) or not isinstance(doc.get("prompt"), str):
        return None
    try:
        return Prompt.model_validate_json(doc["prompt"])
    except ValidationError:
        return None


def _question(
    row: Mapping[str, Any], prompt: str | None, where: str
) -> tuple[str, tuple[Choice, ...], str | None]:
    """Stem, options and answer: out of the document, and what it lacks out of the prompt."""
    doc = row["doc"] if isinstance(row["doc"], Mapping) else {}
    stem = next((doc[name] for name in STEMS if isinstance(doc.get(name), str)), None)
    options = next((choices(doc[name], where) for name in OPTIONS if doc.get(name)), ())
    if isinstance(doc.get("question"), Mapping):  # CommonsenseQA's first release.
        stem = stem or doc["question"].get("stem")
        options = options or choices(doc["question"].get("choices"), where)
    inside = options_in_text(prompt) if prompt and not options else None
    if inside is not None:
        stem, options = stem or inside.stem, inside.options
    stem = stem or prompt
    if not stem:
        raise InputError(f"{where}: found doc ({', '.join(doc)}); missing: a question")
    answer = next(
        (found for name in ANSWERS if (found := label_of(doc.get(name), options)) is not None), None
    )
    return stem, options, answer or label_of(row.get("target"), options)


def _prompt(arguments: Any) -> str | None:
    """The text sent: the first string in `arguments`, whichever way the harness has nested it."""
    if isinstance(arguments, str):
        return arguments
    if isinstance(arguments, Mapping):
        arguments = list(arguments.values())
    if isinstance(arguments, list) and arguments:
        return _prompt(arguments[0])
    return None


def _texts(resps: Any, where: str) -> list[str]:
    flat = list(_flat(resps))
    texts = [one for one in flat if isinstance(one, str)]
    numbers = {"true", "false"}
    likelihoods = len(texts) < len(flat) or (
        len(flat) > 1
        and any(one.lower() in numbers for one in texts)
        and all(one.lower() in numbers or _is_number(one) for one in texts)
    )
    if likelihoods or not texts:
        raise InputError(
            f"{where}: found log-likelihoods in 'resps'; missing: generated text. Run the task "
            f"with output_type generate_until"
        )
    return texts


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _flat(one)
    else:
        yield value
