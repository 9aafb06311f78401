"""Prompts as files that others ask, and what samples answer: by our own ids, by ids, by content.

`starprobe prompts export` writes prompts for batch APIs, a gateway, a spreadsheet or a chat window,
with a prompt's id as `custom_id`; whoever brings it back with a response has answered exactly that
prompt: condition, order, hint and twin are known.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from starprobe.bench.ask import derived_seed
from starprobe.bench.files import write_atomic, write_jsonl
from starprobe.bench.importers.sample import Sample
from starprobe.bench.records import Sampling
from starprobe.probes.choices import Choice, lists_in_text
from starprobe.probes.errors import InputError, first_error
from starprobe.probes.formats import Row, read_content, rows_of
from starprobe.probes.parsing import content_key
from starprobe.probes.rendering import render
from starprobe.probes.schema import Prompt, Question
from starprobe.probes.sets import BUILT_IN, load_probe_set

BESIDE = ".prompts.jsonl"
"""What an exported file's prompts are called; they stand beside it."""
_OURS = re.compile(r"^(?P<question>.+)\|(?P<condition>[^|]+)\|(?P<order>\d+)(?:s(?P<seed>-?\d+))?$")
_REPEAT = re.compile(r"^(?P<id>.+)#(?P<repeat>\d+)$", re.DOTALL)
_ESCAPED = re.compile(r"(?:_[0-9a-f]{2})+")
HASHED = "prompt-"
LONGEST = 64
"""Characters of an id that every batch API takes."""
PLACEHOLDER = "MODEL"
"""Stands for the model in a batch that names none."""


def custom_id(prompt_id: str, repeat: int = 0) -> str:
    """The id that a prompt is exported under: its own, with `#1` for the second response."""
    return f"{prompt_id}#{repeat}" if repeat else prompt_id


def plain_id(name: str) -> str:
    """An id in letters, digits, hyphens and underscores alone; `named_by` undoes it.

    One that would be longer than batch APIs take is a hash, which the prompts beside it explain.
    """
    made = _escaped(name)
    if len(made) <= LONGEST:
        return made
    match = _REPEAT.match(name)
    bare, repeat = (match["id"], f"#{match['repeat']}") if match else (name, "")
    return HASHED + hashlib.sha256(bare.encode()).hexdigest()[:40] + _escaped(repeat)


def _escaped(name: str) -> str:
    return "".join(
        one if one.isascii() and (one.isalnum() or one == "-") else
        "".join(f"_{byte:02x}" for byte in one.encode())
        for one in name
    )  # fmt: skip


def named_by(name: str) -> list[tuple[str, int]]:
    """The (prompt's id, repeat) that an id may stand for: as it is, or with its escapes undone."""
    found = []
    for one in dict.fromkeys((name, _unescaped(name))):
        match = _REPEAT.match(one)
        found += [(match["id"], int(match["repeat"]))] if match else []
        found.append((one, 0))
    return found


def _unescaped(name: str) -> str:
    try:
        return _ESCAPED.sub(lambda run: bytes.fromhex(run[0].replace("_", "")).decode(), name)
    except UnicodeDecodeError:
        return name


class Outgoing(NamedTuple):
    """One response that is to be had."""

    name: str
    """The prompt's id, and the repeat's number."""
    prompt: Prompt
    model: str
    sampling: Sampling
    """With the seed that `starprobe run` gives this repeat of the prompt."""


def export_prompts(
    prompts: Sequence[Prompt],
    out: Path,
    form: str,
    *,
    model: str | None = None,
    repeats: int = 1,
    sampling: Sampling | None = None,
) -> list[Path]:
    """The files written: the prompts in a form, and, where it has no room for them, as they are.

    Args:
        prompts: what to ask.
        out: the file.
        form: one of `FORMS`.
        model: the model's name in the service, for batches.
        repeats: responses a prompt.
        sampling: how to sample, for batches.

    Raises:
        InputError: an unknown form, or an id that a service does not take.
    """
    if form not in FORMS:
        raise InputError(f"--format {form}: one of {', '.join(FORMS)}")
    if not prompts:
        raise InputError("nothing is asked: the conditions fit none of the questions")
    sampling = sampling or Sampling()
    asked = []
    for prompt in prompts:
        for repeat in range(repeats):
            seed = derived_seed(sampling.seed, prompt.id, repeat)
            seeded = sampling.model_copy(update={"seed": seed})
            name = custom_id(prompt.id, repeat)
            asked.append(Outgoing(name, prompt, model or PLACEHOLDER, seeded))
    write_atomic(out, FORMS[form](asked, out))
    if form == "jsonl":
        return [out]
    beside = out.with_name(f"{out.stem}{BESIDE}")
    write_jsonl(beside, prompts)
    return [out, beside]


def _openai(asked: Sequence[Outgoing], out: Path) -> str:
    """Input of OpenAI's batch API, which Azure, Mistral, Together, Groq and vLLM take too."""
    return _lines(
        {
            "custom_id": one.name,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": one.model,
                "messages": [turn.model_dump() for turn in one.prompt.messages],
                "max_tokens": one.sampling.max_tokens,
                "temperature": one.sampling.temperature,
                **({"top_p": one.sampling.top_p} if one.sampling.top_p != 1 else {}),
                "seed": one.sampling.seed,
            },
        }
        for one in asked
    )


def _anthropic(asked: Sequence[Outgoing], out: Path) -> str:
    """Anthropic's message batches: the body of the request, or its requests one a line."""
    requests = []
    for one in asked:
        system = "\n\n".join(t.content for t in one.prompt.messages if t.role == "system")
        requests.append(
            {
                "custom_id": plain_id(one.name),
                "params": {
                    "model": one.model,
                    "max_tokens": one.sampling.max_tokens,
                    "temperature": one.sampling.temperature,
                    **({"system": system} if system else {}),
                    "messages": [t.model_dump() for t in one.prompt.messages if t.role != "system"],
                },
            }
        )
    if out.suffix == ".jsonl":
        return _lines(requests)
    return json.dumps({"requests": requests}, ensure_ascii=False, indent=1) + "\n"


def _jsonl(asked: Sequence[Outgoing], out: Path) -> str:
    """Whole prompts: who answers adds `response` and `model` to each line."""
    return _lines({"custom_id": one.name, **one.prompt.model_dump(mode="json")} for one in asked)


def _csv(asked: Sequence[Outgoing], out: Path) -> str:
    """A table with empty columns for response and model."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["custom_id", "condition", "prompt", "model", "response"])
    for one in asked:
        table.writerow([one.name, one.prompt.condition, _as_text(one.prompt), "", ""])
    return text.getvalue()


def _markdown(asked: Sequence[Outgoing], out: Path) -> str:
    """Prompts to paste into a chat window, with room for what it says."""
    parts = [
        "Paste each prompt into a new chat, its response between the marks below it, and the "
        f"model's name in place of {PLACEHOLDER}. Then: starprobe import {out.name} --out DIR\n"
    ]
    for number, one in enumerate(asked, start=1):
        parts.append(
            f"<!-- prompt: {one.name} -->\n## {number} of {len(asked)}\n\n~~~~text\n"
            f"{_as_text(one.prompt)}\n~~~~\n\nResponse of {one.model}:\n\n~~~~\n\n~~~~\n"
        )
    return "\n".join(parts)


def _as_text(prompt: Prompt) -> str:
    return "\n\n".join(turn.content for turn in prompt.messages)


def _lines(rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


FORMS: dict[str, Callable[[Sequence[Outgoing], Path], str]] = {
    "openai-batch": _openai,
    "anthropic-batch": _anthropic,
    "jsonl": _jsonl,
    "csv": _csv,
    "markdown": _markdown,
}
"""What a file of prompts can be."""


class Known:
    """The prompts and questions that samples may be joined to."""

    def __init__(self, given: str | None = None) -> None:
        """Those of a set, of a question file, or of an exported file or its prompts.

        Raises:
            InputError: `given` is none of these.
        """
        self.given = given
        self.prompts: dict[str, Prompt] = {}
        self.questions: dict[str, Question] = {}
        self.set_of: dict[str, str] = {}
        self._by_content: dict[str, list[Question]] = {}
        self._by_stem: dict[str, list[Question]] = {}
        self._hashed: dict[str, Prompt] = {}
        self._complete = False
        if given is None:
            return
        prompts = _prompts_in(Path(given)) if Path(given).is_file() else []
        if prompts:
            self._take(prompts)
        else:
            self.add(given)

    def add(self, name: str) -> None:
        """Takes in the questions of a set."""
        for one in load_probe_set(name).questions:
            self.questions[one.id] = one
            self.set_of[one.id] = name
            texts = [option.text for option in one.options]
            self._by_content.setdefault(content_key(one.stem, texts), []).append(one)
            self._by_stem.setdefault(content_key(one.stem, ()), []).append(one)

    def beside(self, path: Path) -> None:
        """Takes in the prompts of exported files that lie beside what is imported."""
        folder = path if path.is_dir() else path.parent
        for file in sorted(folder.glob(f"*{BESIDE}")):
            self._take(_prompts_in(file))

    def _take(self, prompts: Iterable[Prompt]) -> None:
        for prompt in prompts:
            self.prompts[prompt.id] = prompt
            self._hashed[plain_id(prompt.id)] = prompt

    def prompt(self, name: str, where: str) -> tuple[Prompt, int] | None:
        """The (prompt, repeat) of ours that an id names; None where it names none.

        Raises:
            InputError: it is one of ours, and its question is not known.
        """
        for prompt_id, repeat in named_by(name):
            if prompt_id in self.prompts:
                return self.prompts[prompt_id], repeat
            if prompt_id in self._hashed:
                return self._hashed[prompt_id], repeat
            if re.fullmatch(HASHED + r"[0-9a-f]{40}", prompt_id):
                raise InputError(
                    f"{where}: the id {name!r} is explained by the file *{BESIDE} that was written "
                    f"with the prompts; put it beside, or name it: --questions FILE"
                )
            match = _OURS.match(prompt_id)
            if match is None:
                continue
            question = self._find(match["question"])
            if question is None:
                raise InputError(
                    f"{where}: the id {name!r} names a prompt of the question "
                    f"{match['question']!r}, which is in no built-in set; say which: "
                    f"--questions SET|FILE"
                )
            seed = int(match["seed"]) if match["seed"] else None
            made = render(question, match["condition"], int(match["order"]), shuffle_seed=seed)
            made = made.model_copy(update={"probes": self.set_of[question.id]})
            self.prompts[made.id] = made
            return made, repeat
        return None

    def _find(self, question_id: str) -> Question | None:
        if question_id not in self.questions and self.given is None and not self._complete:
            self._complete = True
            for name, entry in BUILT_IN.items():
                if entry.file:
                    self.add(name)
        return self.questions.get(question_id)

    def question(self, sample: Sample) -> Question | None:
        """The question of the set that a sample answers: by content, else by id.

        Raises:
            InputError: it has the id of one question and the text of another.
        """
        by_id = next((self.questions[n] for n in sample.names if n in self.questions), None)
        if sample.question:
            found = self._of_content(sample)
            if found is None and by_id is not None and not sample.derived:
                raise InputError(
                    f"{sample.where}: has the id {by_id.id!r} and the question "
                    f"{sample.question!r:.60}, which {self.given} has as {by_id.stem!r:.60}"
                )
            return found or by_id
        return by_id

    def _of_content(self, sample: Sample) -> Question | None:
        key = content_key(sample.question, [one.text for one in sample.options])
        found = self._by_content.get(key, [])
        if not found and not sample.options:
            found = self._by_stem.get(key, [])
        if not found and sample.prompt:
            whole = " ".join(sample.prompt.split())
            found = [
                one
                for one in self.questions.values()
                if " ".join(one.stem.split()) in whole
                and all(" ".join(option.text.split()) in whole for option in one.options)
            ]
        return found[0] if len(found) == 1 else None


def joined(samples: Iterable[Sample], known: Known, notes: list[str]) -> Iterator[Sample]:
    """The samples, each with its question.

    Raises:
        InputError: a sample without a question, or with two that differ.
    """
    strangers = 0
    for sample in samples:
        ours = (sample.asked, sample.repeat or 0) if sample.asked else None
        for name in sample.names if ours is None else ():
            ours = ours or known.prompt(name, sample.where)
        if ours is not None:
            yield _answering(sample, *ours)
            continue
        question = known.question(sample) if known.questions else None
        if question is not None:
            yield _of_question(sample, question, known.set_of[question.id])
        elif sample.question:
            strangers += known.given is not None
            yield sample
        else:
            ids = f"only the id {sample.names[0]!r}" if sample.names else "and no id"
            asked = f", and {known.given} has none of that id" if known.given else ""
            raise InputError(
                f"{sample.where}: found a response, {ids}{asked}; missing: the question. Say where "
                f"the questions stand: --questions SET|FILE"
            )
    if strangers:
        notes.append(f"{strangers} responses are to questions that {known.given} does not have")


def _answering(sample: Sample, prompt: Prompt, repeat: int) -> Sample:
    """A sample that answers a prompt of ours.

    Raises:
        InputError: it brings another text than the prompt's along.
    """
    if sample.prompt:
        sent = " ".join(sample.prompt.split())
        if not any(" ".join(one.content.split()) in sent for one in prompt.messages[-1:]) and (
            " ".join(prompt.text.split()) not in sent
        ):
            raise InputError(
                f"{sample.where}: has the id of the prompt {prompt.id!r} and another text than it"
            )
    shown = tuple(Choice(label=one.label, text=one.text) for one in prompt.shown)
    return sample.model_copy(
        update={
            "asked": prompt,
            "question": prompt.stem,
            "options": shown,
            "derived": False,
            "condition": prompt.condition,
            "repeat": sample.repeat if sample.repeat is not None else repeat,
            "probes": prompt.probes,
        }
    )


def _of_question(sample: Sample, question: Question, probes: str) -> Sample:
    """A sample that answers a question of a set, which knows options and key."""
    options = sample.options
    if not options and question.options:
        options = _shown_in(sample.prompt, question)
    key = None
    if question.answer_id is not None:
        right = question.option(question.answer_id).text
        key = next((one.label for one in options if _same(one.text, right)), None)
    elif question.answer_text is not None:
        key = question.answer_text
    said = next((one.text for one in sample.options if one.label == sample.answer), None)
    if said is not None and key is not None and sample.answer != key:
        raise InputError(
            f"{sample.where}: its key is {said!r:.40}, but {question.id!r} has another in {probes}"
        )
    return sample.model_copy(
        update={
            "of_set": question,
            "probes": probes,
            "question": question.stem,
            "options": options,
            "answer": key if key is not None else sample.answer,
            "derived": False,
        }
    )


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()) == " ".join(other.split())


def _shown_in(prompt: str | None, question: Question) -> tuple[Choice, ...]:
    """The question's options as the prompt shows them; in file order where it is not there."""
    texts = sorted(" ".join(one.text.split()) for one in question.options)
    for found in lists_in_text(prompt) if prompt else ():
        if sorted(" ".join(one.text.split()) for one in found) == texts:
            return found
    letters = [one.label for one in question.options]
    if not all(letters) or len(set(letters)) < len(letters):
        letters = [chr(ord("A") + index) for index in range(len(letters))]
    return tuple(
        Choice(label=label, text=one.text)
        for label, one in zip(letters, question.options, strict=True)
    )


def own_row(row: Mapping[str, Any]) -> bool:
    """Whether a row is one of `prompts export --format jsonl`, with or without a response."""
    return {"custom_id", "question_id", "condition", "shown", "messages", "stem"} <= set(row)


def own_samples(rows: Sequence[Row]) -> Iterator[Sample]:
    """The samples of exported rows that got a `response`, and a `model`, each."""
    for where, row in rows:
        if not own_row(row):
            raise InputError(f"{where}: is no exported prompt, as the rows before it are")
        response = row.get("response")
        if not isinstance(response, str):
            raise InputError(f"{where}: field 'response' must be the model's text")
        name = str(row["custom_id"])
        repeat = next((number for _, number in named_by(name)), 0)
        yield Sample(
            where=where,
            asked=_prompt_of(row, where),
            names=(name,),
            repeat=repeat,
            response=response,
            model=str(row.get("model") or ""),
        )


def _prompt_of(row: Mapping[str, Any], where: str) -> Prompt:
    fields = {name: value for name, value in row.items() if name in Prompt.model_fields}
    try:
        return Prompt.model_validate(fields)
    except ValidationError as error:
        raise InputError(f"{where}: is no exported prompt: {first_error(error)}") from None


def _prompts_in(path: Path) -> list[Prompt]:
    """The prompts of an exported file, or of a run's prompts.jsonl; none where it is another."""
    content = read_content(path)
    rows = [] if content.log is not None else rows_of(content)
    marks = {"question_id", "condition", "shown", "messages", "stem"}
    if not rows or not all(marks <= set(row) for _, row in rows):
        return []
    return [_prompt_of(row, where) for where, row in rows]
