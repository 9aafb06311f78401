"""Samples -> a run folder, in which no number hangs on the order of the rows.

A question is its content: stem and set of options. The order of a prompt is the permutation of its
options; its wording is the text around question and options, and an axis of its own: a condition
more where one model was asked one question in several wordings.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.files import may_write, only_writer
from starprobe.bench.importers.sample import Sample
from starprobe.bench.records import ModelInfo, Response, ResponseError, RunInfo, Sampling
from starprobe.bench.run_folder import Run, hardware, versions
from starprobe.probes.errors import InputError
from starprobe.probes.parsing import content_id, content_key
from starprobe.probes.schema import Message, Prompt, ShownOption
from starprobe.probes.sets import load_probe_set

_IMPORTED = re.compile(r"\|(?P<condition>[^|]+)\|x[0-9a-f]{10}$")


class Made(NamedTuple):
    """What an import came to."""

    run: Run
    responses: int
    """In the files, the copies among them left out."""
    without_options: int
    without_answer: int
    """Responses whose source names no right option, or one that is none of the options."""
    duplicates: int = 0
    """Responses left out: the same of the same model to the same prompt."""
    notes: tuple[str, ...] = ()
    """A line on each thing that was found and is worth knowing."""


class Arranged(NamedTuple):
    """Samples as prompts and responses."""

    prompts: dict[str, Prompt]
    """All of the run, those that were there among them."""
    responses: list[Response]
    """The new ones."""
    kept: int
    """Samples that are no copies of each other."""
    duplicates: int
    prompt_of: list[str]
    """The prompt that each sample answers."""
    contradicting: list[str]
    """Questions that come with several answer keys."""
    notes: list[str]


def write_run(samples: Sequence[Sample], out: Path, name: str, command: str) -> Made:
    """A run folder with these responses; one that is there takes in what it does not have.

    Raises:
        FolderError: the folder holds something else.
    """
    new = not (out / "run.json").exists()
    if not may_write(out):
        Run.create(out, _info(samples, arrange(samples), name, command, None), ())
    with only_writer(out):
        run = None if new else Run(out)
        arranged = arrange(samples, run)
        info = _info(samples, arranged, name, command, run)
        if run is None:
            run = Run.create(out, info, arranged.prompts.values())
        elif info != run.info or arranged.prompts != run.prompts():
            run.widen(info, arranged.prompts.values())
        with run.response_writer() as writer:
            writer.append(arranged.responses)
    return Made(
        run,
        arranged.kept,
        sum(not one.options for one in samples),
        sum(
            not has_key(arranged.prompts[name], one)
            for name, one in zip(arranged.prompt_of, samples, strict=True)
        ),
        arranged.duplicates,
        tuple(arranged.notes),
    )


def has_key(prompt: Prompt, sample: Sample) -> bool:
    """Whether it is known which answer is right."""
    return prompt.answer_id is not None or (not prompt.shown and sample.answer is not None)


def arrange(samples: Sequence[Sample], run: Run | None = None) -> Arranged:
    """Prompts and responses of samples, beside those of a run that is to take them in."""
    there = run.prompts() if run else {}
    questions = _Questions(there.values())
    for sample in sorted(samples, key=lambda one: (one.asked is None, one.of_set is None)):
        questions.take(sample)
    prompts = dict(there)
    prompt_of, templates = [], {}
    for sample in samples:
        prompt = questions.prompt(sample)
        prompts.setdefault(prompt.id, prompt)
        prompt_of.append(prompt.id)
    for prompt in prompts.values():
        if _IMPORTED.search(prompt.id):
            templates[prompt.id] = _template(prompt)
    told = run.responses() if run else {}
    asked = {(row.model, row.prompt_id) for row in told.values()}
    asked |= {(one.model, name) for one, name in zip(samples, prompt_of, strict=True)}
    notes: list[str] = []
    prompts = _numbered(prompts, templates, asked, questions.keys, notes)
    rows, kept, duplicates = _responses(samples, prompt_of, told)
    contradicting = sorted(questions.contradicting)
    if contradicting:
        stems = ", ".join(repr(questions.stems[one][:40]) for one in contradicting[:3])
        notes.append(
            f"{len(contradicting)} questions come with several answer keys and are not scored: "
            f"{stems}"
        )
    if duplicates:
        notes.append(f"{duplicates} responses are copies of others and are counted once")
    return Arranged(prompts, rows, kept, duplicates, prompt_of, contradicting, notes)


class _Questions:
    """The questions of a run: their ids, the ids of their options, and their keys."""

    def __init__(self, there: Iterable[Prompt]) -> None:
        self.ids: dict[str, str] = {}
        self.options: dict[str, dict[str, str]] = {}
        self.keys: dict[str, str | None] = {}
        self.stems: dict[str, str] = {}
        self.contradicting: set[str] = set()
        self._renamed: dict[str, str] = {}
        for prompt in there:
            texts = [one.text for one in prompt.shown]
            self.ids.setdefault(content_key(prompt.stem, texts), prompt.question_id)
            self.stems.setdefault(prompt.question_id, prompt.stem)
            shown = {one.text.strip(): one.option_id for one in prompt.shown}
            self.options.setdefault(prompt.question_id, {}).update(shown)
            if prompt.answer_id is not None:
                self.keys[prompt.question_id] = prompt.answer_id

    def take(self, sample: Sample) -> None:
        """Learns the question of a sample, its options and its key."""
        key = _content(sample)
        own = (
            sample.asked.question_id
            if sample.asked
            else sample.of_set.id
            if sample.of_set
            else None
        )
        fallback = content_id(sample.question, [one.text for one in sample.options])
        name = self.ids.setdefault(key, own or fallback)
        if own is not None and own != name:
            self._renamed[own] = name
        self.stems.setdefault(name, sample.question)
        options = self.options.setdefault(name, {})
        if sample.asked is not None:
            given = {one.text.strip(): one.option_id for one in sample.asked.shown}
        elif sample.of_set is not None:
            given = {one.text.strip(): one.id for one in sample.of_set.options}
        else:
            texts = sorted(one.text.strip() for one in sample.options)
            given = {text: f"o{number}" for number, text in enumerate(texts, start=1)}
        if not options:
            options.update(given)
        right = self._right(sample, name)
        if right is None:
            return
        if self.keys.setdefault(name, right) != right:
            self.contradicting.add(name)
            self.keys[name] = None

    def _right(self, sample: Sample, name: str) -> str | None:
        if sample.asked is not None:
            return sample.asked.answer_id
        text = next(
            (one.text.strip() for one in sample.options if one.label == sample.answer), None
        )
        return self.options[name].get(text) if text is not None else None

    def prompt(self, sample: Sample) -> Prompt:
        """The prompt that a sample answers; its order is numbered later."""
        if sample.asked is not None:
            return self._own(sample.asked)
        name = self.ids[_content(sample)]
        ids = self.options[name]
        shown = tuple(
            ShownOption(label=one.label, option_id=ids[one.text.strip()], text=one.text)
            for one in sample.options
        )
        lines = "\n".join(f"({one.label}) {one.text}" for one in shown)
        text = sample.prompt or "\n\n".join(part for part in (sample.question, lines) if part)
        said = "\x1f".join([text, *(f"{one.label}\x1e{one.option_id}" for one in shown)])
        digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:10]
        return Prompt(
            id=f"{name}|{sample.condition.replace('|', '/')}|x{digest}",
            question_id=name,
            probes=sample.probes,
            condition=sample.condition,
            stem=sample.question,
            shown=shown,
            messages=(Message(role="user", content=text),),
            text=text,
        )

    def _own(self, prompt: Prompt) -> Prompt:
        """A prompt of ours, under the id that the run has for its question."""
        name = self._renamed.get(prompt.question_id)
        if name is None:
            return prompt
        ids = self.options[name]
        new = {one.option_id: ids[one.text.strip()] for one in prompt.shown}
        shown = tuple(
            one.model_copy(update={"option_id": new[one.option_id]}) for one in prompt.shown
        )
        return prompt.model_copy(
            update={
                "id": f"{name}|{prompt.id.partition('|')[2]}",
                "question_id": name,
                "shown": shown,
                "answer_id": new.get(prompt.answer_id or ""),
                "hinted_id": new.get(prompt.hinted_id or ""),
            }
        )


def _content(sample: Sample) -> str:
    return content_key(sample.question, [one.text for one in sample.options])


def _template(prompt: Prompt) -> str:
    """The text around question and options; the same for all questions asked in one wording."""
    text = " ".join(prompt.text.split())
    for number, part in enumerate((prompt.stem, *(one.text for one in prompt.shown))):
        text = text.replace(" ".join(part.split()), "{question}" if not number else "{option}", 1)
    return text


def _numbered(
    prompts: Mapping[str, Prompt],
    templates: Mapping[str, str],
    asked: Iterable[tuple[str, str]],
    keys: Mapping[str, str | None],
    notes: list[str],
) -> dict[str, Prompt]:
    """The prompts with orders, wordings and keys: those of all rows together, in any order."""
    orders: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for name in templates:
        orders[prompts[name].question_id].add(_permutation(prompts[name]))
    ranked = {one: sorted(found, key=_rank) for one, found in orders.items()}
    wordings = _wordings(prompts, templates, asked, notes)
    result = {}
    for name, prompt in prompts.items():
        key = keys.get(prompt.question_id, prompt.answer_id)
        update: dict[str, object] = {}
        if key != prompt.answer_id and name in templates:
            update["answer_id"] = key
        if name in templates:
            update["order"] = ranked[prompt.question_id].index(_permutation(prompt))
            number = wordings.get(name, 0)
            base = _base(name)
            update["condition"] = f"{base}/{number + 1}" if number else base
        result[name] = prompt.model_copy(update=update) if update else prompt
    return result


def _base(prompt_id: str) -> str:
    match = _IMPORTED.search(prompt_id)
    return match["condition"] if match else ""


def _permutation(prompt: Prompt) -> tuple[str, ...]:
    return tuple(one.option_id for one in prompt.shown)


def _rank(permutation: tuple[str, ...]) -> list[tuple[int, str]]:
    """Options in file order, or in alphabetical order, come first."""
    return [(len(one), one) for one in permutation]


def _wordings(
    prompts: Mapping[str, Prompt],
    templates: Mapping[str, str],
    asked: Iterable[tuple[str, str]],
    notes: list[str],
) -> dict[str, int]:
    """Number of the wording of each prompt, where a model was asked one question in several."""
    found: dict[str, int] = {}
    by_base: dict[str, list[str]] = defaultdict(list)
    for name in templates:
        by_base[_base(name)].append(name)
    met: dict[tuple[str, str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for model, name in asked:
        if name in templates:
            prompt = prompts[name]
            met[_base(name), model, prompt.question_id, _permutation(prompt)].add(templates[name])
    for base, names in by_base.items():
        users: dict[str, set[str]] = defaultdict(set)
        for name in names:
            users[templates[name]].add(prompts[name].question_id)
        if len(users) < 2:
            continue
        crossed = any(len(said) > 1 for (one, *_), said in met.items() if one == base)
        shared = (
            all(len(one) > 1 for one in users.values()) or len(set().union(*users.values())) == 1
        )
        if not crossed:
            if shared:
                notes.append(
                    f"{base}: asked in {len(users)} wordings, no question of a model in two"
                )
            continue
        if shared:
            rank = {text: number for number, text in enumerate(sorted(users))}
            found |= {name: rank[templates[name]] for name in names}
            notes.append(
                f"{base}: asked in {len(users)} wordings, which are conditions of their own"
            )
            continue
        of_question: dict[str, set[str]] = defaultdict(set)
        for name in names:
            of_question[prompts[name].question_id].add(templates[name])
        for name in names:
            found[name] = sorted(of_question[prompts[name].question_id]).index(templates[name])
        notes.append(f"{base}: asked in several wordings, which are conditions of their own")
    return found


def _responses(
    samples: Sequence[Sample], prompt_of: Sequence[str], there: Mapping[str, Response]
) -> tuple[list[Response], int, int]:
    """(new rows, samples that are no copies, copies)."""
    own = Counter(sample.id for sample in samples)
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample, name in zip(samples, prompt_of, strict=True):
        groups[name, sample.model].append(sample)
    old: dict[tuple[str, str], list[Response]] = defaultdict(list)
    for row in there.values():
        old[row.prompt_id, row.model].append(row)
    rows: list[Response] = []
    copies = 0
    for (prompt_id, model), group in groups.items():
        taken = {row.repeat: _said(row) for row in old[prompt_id, model]}
        before = set(taken.values())
        answered = any(row.error is None for row in old[prompt_id, model])
        answered |= any(sample.error is None for sample in group)
        seen: set[tuple[int | None, str, str]] = set()
        ordered = sorted(group, key=lambda one: (one.repeat is None, one.repeat or 0, *_said(one)))
        for sample in ordered:
            said = _said(sample)
            known = (sample.repeat, *said)
            same = (
                said in taken.values()
                if sample.repeat is None
                else taken.get(sample.repeat) == said
            )
            if sample.error is not None and answered:
                continue  # A failure that was made good.
            if same or known in seen:
                copies += known in seen or said not in before
                continue
            seen.add(known)
            wanted = sample.repeat if sample.repeat is not None else 0
            repeat = wanted if wanted not in taken else max(taken) + 1
            taken[repeat] = said
            named = "\n".join([model, prompt_id, str(repeat), *said])
            digest = hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:20]
            unique = (
                sample.id if sample.id and own[sample.id] == 1 and sample.id not in there else None
            )
            rows.append(_row(sample, unique or digest, prompt_id, repeat))
    return rows, len(samples) - copies, copies


def _said(one: Sample | Response) -> tuple[str, str]:
    """What tells two responses to the same prompt apart."""
    text = one.response if isinstance(one, Sample) else one.text
    error = one.error.message if isinstance(one.error, ResponseError) else one.error
    return text, error or one.reasoning or ""


def _row(sample: Sample, name: str, prompt_id: str, repeat: int) -> Response:
    failed = (
        ResponseError(kind="imported", message=sample.error, permanent=True)
        if sample.error
        else None
    )
    return Response(
        id=name,
        prompt_id=prompt_id,
        repeat=repeat,
        model=sample.model,
        text=sample.response,
        reasoning=sample.reasoning,
        finish_reason=sample.finish_reason,
        usage=sample.usage,
        latency_s=sample.latency_s,
        error=failed,
    )


def _info(
    samples: Sequence[Sample], arranged: Arranged, name: str, command: str, run: Run | None
) -> RunInfo:
    """run.json of the import, or of the run that has taken it in."""
    prompts = arranged.prompts
    orders: dict[tuple[str, str], set[int]] = defaultdict(set)
    for prompt in prompts.values():
        orders[prompt.question_id, prompt.condition].add(prompt.order)
    old = run.info if run else None
    repeats = [row.repeat for row in arranged.responses]
    models = {model.name: model for model in (old.models if old else ())}
    for model in sorted({sample.model for sample in samples}):
        models.setdefault(model, ModelInfo(name=model))
    probe_set, probe_hash = _identity(prompts.values(), old.probe_set if old else name)
    made = RunInfo(
        probe_set=probe_set,
        probe_hash=probe_hash,
        questions=len({prompt.question_id for prompt in prompts.values()}),
        conditions=tuple(dict.fromkeys(prompt.condition for prompt in prompts.values())),
        orders=max((len(found) for found in orders.values()), default=1),
        repeats=max((number + 1 for number in repeats), default=1),
        models=tuple(models.values()),
        sampling=Sampling(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        versions=versions(),
        hardware=hardware(),
        imported=True,
    )
    if old is None:
        return made
    update: dict[str, object] = {
        "models": made.models,
        "questions": made.questions,
        "conditions": tuple(dict.fromkeys((*old.conditions, *made.conditions)))
        if not old.imported
        else made.conditions,
        "orders": max(old.orders, made.orders),
        "repeats": max(old.repeats, made.repeats),
    }
    if old.imported:
        update |= {"probe_set": probe_set, "probe_hash": probe_hash}
    return old.model_copy(update=update)


def _identity(prompts: Iterable[Prompt], name: str) -> tuple[str, str]:
    """(name, hash) of the questions: those of a set of ours where they are all of it."""
    listed = list(prompts)
    sets = {prompt.probes for prompt in listed}
    if len(sets) == 1 and (one := next(iter(sets))):
        try:
            probe_set = load_probe_set(one)
        except InputError:
            name = one
        else:
            name = probe_set.name
            if {q.id for q in probe_set.questions} == {prompt.question_id for prompt in listed}:
                return name, probe_set.hash
    keys = sorted({content_key(one.stem, [shown.text for shown in one.shown]) for one in listed})
    return name, hashlib.sha256("\x1d".join(keys).encode("utf-8", "surrogatepass")).hexdigest()[:16]
