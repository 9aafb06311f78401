"""Outputs made elsewhere -> a run folder, as if we had asked the models ourselves."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from starprobe.bench.importers import bodies, columns, conversations, harnesses
from starprobe.bench.importers.arrange import Made, arrange, has_key, write_run
from starprobe.bench.importers.join import BESIDE, Known, joined, own_row, own_samples
from starprobe.bench.importers.sample import Importer, Sample
from starprobe.bench.models.thinking import join, split_reasoning
from starprobe.bench.readers import Reading
from starprobe.probes.choices import Choice
from starprobe.probes.errors import InputError
from starprobe.probes.formats import (
    STDIN,
    SUFFIXES,
    Content,
    Row,
    is_saved_dataset,
    read_content,
    rows_of,
)
from starprobe.probes.plugins import listed, load
from starprobe.probes.schema import Record, ShownOption

__all__ = [
    "Choice",
    "Made",
    "Options",
    "Preview",
    "Sample",
    "import_outputs",
    "preview_outputs",
    "read_outputs",
    "readings",
]
SHOWN = 3
"""Rows of a preview."""
_PASSED_OVER = ("results_", "manifest.json.out", "user.json", "users.json", "projects.json")
"""Files beside responses that hold none: of lm-eval, of Bedrock, of chat exports."""
_QUESTIONS = {"questions", "question", "probes"}
"""What the file of the questions in a folder is called."""
Paths = Path | str | Sequence[Path | str]


class Options(TypedDict, total=False):
    """How outputs are read; each may be left out."""

    mapping: Mapping[str, str] | None
    """Our field -> the file's field or a path into it, for tables."""
    model: str | None
    """The model's name, where the file has none."""
    condition: str | None
    """The condition's name, for all that answer no prompt of ours."""
    questions: str | None
    """A set or a file that holds the questions, where the responses come without."""
    as_json: bool
    """Models were asked for JSON, and their responses are JSON objects."""
    importer: str | Importer | None
    """What reads the rows, or its `module:name`: an object or module with a function
    `samples(rows)` that gives a `Sample` each. Installed packages bring theirs under the entry
    point group `starprobe.importers`, with a function `fits(row)` beside."""


class Preview(Record):
    """What files hold, as they are understood."""

    rows: tuple[Sample, ...]
    """The first ones of different models, as far as there are several."""
    responses: int
    models: dict[str, int]
    """Model -> responses."""
    questions: int
    conditions: tuple[str, ...]
    with_options: float
    """Share of the responses."""
    with_key: float
    duplicates: int
    contradicting: int
    """Questions that come with several answer keys."""
    errors: int
    """Rows that hold a failure instead of a response."""
    empty: int
    looks_like_json: int
    """Responses that begin as JSON does."""
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """It in words, a line each."""
        said: list[str] = []
        for number, row in enumerate(self.rows, start=1):
            options = "  ".join(f"({one.label}) {one.text}" for one in row.options) or "none"
            key = row.answer or (row.asked.answer_id if row.asked else None) or "none"
            said += [
                f"row {number}  ({row.where})",
                f"  question  {_short(row.question)}",
                f"  options   {_short(options)}",
                f"  key       {key}",
                f"  model     {row.model}   condition {row.condition}",
                f"  response  {_short(row.response or row.error or '(empty)')}",
            ]
        models = ", ".join(f"{name} ({count})" for name, count in list(self.models.items())[:8])
        totals: list[tuple[str, Any]] = [
            ("responses", self.responses),
            ("models", f"{len(self.models)}: {models}"),
            ("questions", self.questions),
            ("conditions", ", ".join(self.conditions)),
            ("with options", f"{100 * self.with_options:.0f} %"),
            ("with a key", f"{100 * self.with_key:.0f} %"),
            ("duplicates", self.duplicates),
            ("questions with contradicting keys", self.contradicting),
            ("failures", self.errors),
            ("empty", self.empty),
            ("responses that look like JSON", self.looks_like_json),
        ]
        said += ["totals", *(f"  {name}: {value}" for name, value in totals)]
        return [*said, *(f"  {note}" for note in self.notes)]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 76 else line[:75] + "…"


def import_outputs(path: Paths, out: Path | str, **options: Unpack[Options]) -> Made:
    """A run folder made of the responses in files or folders, whatever tool has written them.

    A run that is there already takes in what is new: more questions, models, conditions.

    Args:
        path: a file, a folder, or several; `-` is standard input.
        out: the run folder.
        **options: `mapping`, `model`, `condition`, `questions`, `as_json`, `importer`: see
            `Options`.

    Raises:
        InputError: naming what was found and what is missing.
        FolderError: `out` holds something else.
    """
    paths = _paths(path)
    notes: list[str] = []
    found = read_outputs(paths, notes, **options)
    parts = ["starprobe", "import", *map(str, paths), "--out", "DIR"]
    for name, value in (options.get("mapping") or {}).items():
        parts += ["--map", f"{name}={value}"]
    for name, given in options.items():
        if name in ("model", "condition", "questions") and given is not None:
            parts += [f"--{name}", str(given)]
    made = write_run(found, Path(out), _name(paths), shlex.join(parts))
    return made._replace(notes=(*notes, *made.notes))


def preview_outputs(path: Paths, **options: Unpack[Options]) -> Preview:
    """What `import_outputs` would take in, with nothing written.

    Raises:
        InputError: as there.
    """
    notes: list[str] = []
    samples = read_outputs(path, notes, **options)
    made = arrange(samples)
    asked = [made.prompts[name] for name in made.prompt_of]
    keyed = [has_key(*pair) for pair in zip(asked, samples, strict=True)]
    first = {sample.model: sample for sample in reversed(samples)}
    rows = [*reversed(first.values()), *(one for one in samples if one not in first.values())]
    return Preview(
        rows=tuple(rows[:SHOWN]),
        responses=len(samples),
        models=dict(Counter(sample.model for sample in samples)),
        questions=len({prompt.question_id for prompt in asked}),
        conditions=tuple(dict.fromkeys(prompt.condition for prompt in asked)),
        with_options=sum(bool(one.options) for one in samples) / len(samples),
        with_key=sum(keyed) / len(samples),
        duplicates=made.duplicates,
        contradicting=len(made.contradicting),
        errors=sum(one.error is not None for one in samples),
        empty=sum(not one.response.strip() and one.error is None for one in samples),
        looks_like_json=sum(one.response.lstrip()[:1] in {"{", "["} for one in samples),
        notes=(*notes, *made.notes),
    )


def read_outputs(
    path: Paths, notes: list[str] | None = None, **options: Unpack[Options]
) -> list[Sample]:
    """The samples of files or folders, with their questions, models and conditions.

    Args:
        path: a file, a folder, or several.
        notes: takes a line on each thing that is worth knowing.
        **options: see `Options`.

    Raises:
        InputError: naming what was found and what is missing.
    """
    notes = notes if notes is not None else []
    questions, condition = options.get("questions"), options.get("condition")
    files = _files(_paths(path))
    beside = [one for one in files if one.name.partition(".")[0].lower() in _QUESTIONS]
    if len(beside) == 1 and len(files) > 1:
        questions = questions or str(beside[0])
        files.remove(beside[0])
        notes.append(f"the questions are those of {questions}")
    known = Known(questions)
    samples: list[Sample] = []
    for one in files:
        if one != STDIN:
            known.beside(one)
        samples += _named(list(_read(one, known, notes, options)), options.get("model"), one, notes)
    if not samples:
        raise InputError(f"{', '.join(map(str, _paths(path)))}: holds no responses")
    samples = _without_instructions([_bare(sample) for sample in samples])
    found = list(joined(samples, known, notes))
    if condition is None:
        return found
    return [one if one.asked else one.model_copy(update={"condition": condition}) for one in found]


def readings(path: Path | str, questions: str | None = None) -> Iterator[Reading]:
    """The responses of a file as a reader reads them, under their own ids where those are unique.

    Raises:
        InputError: as `import_outputs`.
    """
    samples = [one for one in read_outputs(path, questions=questions) if one.error is None]
    names = [one.id or next(iter(one.names), "") for one in samples]
    several = {name for name, count in Counter(names).items() if count > 1 or not name}
    for number, (sample, name) in enumerate(zip(samples, names, strict=True), start=1):
        if name in several:
            name = f"{name}|{sample.model}|{number}" if name else f"{sample.model}|{number}"
        text = f"{sample.reasoning}\n\n{sample.response}" if sample.reasoning else sample.response
        shown = tuple(
            ShownOption(label=one.label, option_id=f"o{index}", text=one.text)
            for index, one in enumerate(sample.options, start=1)
        )
        yield Reading(name, text, sample.question, shown, sample.finish_reason)


def _named(found: list[Sample], model: str | None, path: Path, notes: list[str]) -> list[Sample]:
    """The samples of a file with the models' names; without any, they are the file's own.

    Raises:
        InputError: some rows name a model and others none.
    """
    said = {sample.model for sample in found if sample.model}
    nameless = [sample for sample in found if not sample.model]
    if said and nameless and model is None:
        # A failed request of a batch does not say whom it asked.
        bad = next((sample for sample in nameless if sample.error is None), None)
        if bad is not None:
            raise InputError(f"{bad.where}: names no model, as other rows do; or give --model NAME")
        if len(said) > 1:
            notes.append(f"{path}: {len(nameless)} failures name no model and are left out")
            return [sample for sample in found if sample.model]
    name = model or (next(iter(said)) if len(said) == 1 else _stem(path))
    asked = Counter((one.question, one.prompt, one.names[:1]) for one in nameless)
    if not said and model is None and len(nameless) > len(asked):
        notes.append(
            f"{path}: no field names the model, and questions come several times: all are taken "
            f"for responses of {name!r}; if not, say --map model=FIELD"
        )
    return [
        sample if sample.model else sample.model_copy(update={"model": name}) for sample in found
    ]


def _read(path: Path, known: Known, notes: list[str], options: Options) -> Iterator[Sample]:
    """The samples of one file, or of a folder that is to be read as a whole."""
    if path != STDIN and path.is_dir() and not is_saved_dataset(path):
        return conversations.folder_samples(path, list(known.questions))
    if path.suffix.lower() == ".md" and path.is_file():
        return conversations.markdown_samples(path)
    content = read_content(path)
    if content.log is not None:
        return harnesses.samples_of_zip(content.log, content.name)
    if content.value is not None:
        if harnesses.is_inspect_log(content.value):
            return harnesses.samples_of_json(content.value, content.name)
        rows = harnesses.promptfoo_rows(content.value, content.name)
        if rows is None and _is_one(content.value):
            rows = [(content.name, content.value)]
        content = Content(content.name, rows or _by_model(content) or rows_of(content))
    return _rows(rows_of(content), content.name, notes, options)


def _is_one(value: Mapping[str, Any]) -> bool:
    """Whether an object is itself one response, and no list of them."""
    if conversations.fits(value):
        return True
    if not bodies.fits(value):
        return False
    return not any(
        isinstance(one, list) and one and isinstance(one[0], dict) and bodies.fits(one[0])
        for one in value.values()
    )


def _by_model(content: Content) -> list[Row] | None:
    """The rows of an object that holds a list of them under each model's name."""
    value = content.value or {}
    if not value or not all(
        columns.MODELS.search(name) and isinstance(rows, list) for name, rows in value.items()
    ):
        return None
    return [
        (f"{content.name}, {name}, entry {number}", {"model": name} | row)
        for name, rows in value.items()
        for number, row in enumerate(rows, start=1)
        if isinstance(row, dict)
    ]


def _bare(sample: Sample) -> Sample:
    """The sample without the prompt that its response repeats, and with its thinking apart."""
    text = sample.response
    if sample.prompt and text.startswith(sample.prompt) and len(text) > len(sample.prompt):
        text = text[len(sample.prompt) :].strip()
    parts = split_reasoning(text)
    reasoning = join(sample.reasoning, parts.reasoning)
    return sample.model_copy(update={"response": parts.text, "reasoning": reasoning})


def _plug_in(row: Mapping[str, Any], importer: str | Importer | None) -> Any:
    """The plug-in that reads rows like this one: the one that is named, or an installed one.

    Raises:
        InputError: what is named cannot be loaded, or is no importer.
    """
    if importer is None:
        return next((one for one in listed("importers") if one.fits(row)), None)
    loaded = load("importers", importer) if isinstance(importer, str) else importer
    if not callable(getattr(loaded, "samples", None)):
        raise InputError(f"--importer {importer}: has no function samples(rows)")
    return loaded


def _rows(rows: list[Row], name: str, notes: list[str], options: Options) -> Iterator[Sample]:
    """The samples of rows, which are all of one kind; the first one says which."""
    if not rows:
        raise InputError(f"{name}: holds no responses")
    mapping, as_json = options.get("mapping"), options.get("as_json", False)
    if mapping:
        rows = columns.with_mapping(rows, mapping)
        if "response" in mapping:
            yield from columns.samples(rows, name, as_json)
            return
    first = rows[0][1]
    plug_in = _plug_in(first, options.get("importer"))
    if plug_in is not None:
        yield from plug_in.samples(rows)
        return
    yield from _built_in(rows, name, as_json, notes)


def _built_in(rows: list[Row], name: str, as_json: bool, notes: list[str]) -> Iterator[Sample]:
    """The samples of rows of a kind that we know."""
    first = rows[0][1]
    if own_row(first):
        return own_samples(rows)
    reader = harnesses.reader_of(first)
    if reader is not None:
        return reader(rows, name)
    if any(conversations.fits(row) for _, row in rows):
        return conversations.samples(rows, notes)
    if any(bodies.fits(row) for _, row in rows):
        return bodies.samples(rows)
    return columns.samples(rows, name, as_json)


def _files(paths: Sequence[Path]) -> list[Path]:
    """The files to read, each once: a folder's own, unless it is to be read as a whole."""
    found: dict[Path, Path] = {}
    for path in paths:
        for one in _in_folder(path) if path != STDIN and path.is_dir() else [path]:
            found.setdefault(one if one == STDIN else one.resolve(), one)
    return list(found.values())


def _in_folder(path: Path) -> list[Path]:
    if (path / "run.json").is_file():
        raise InputError(f"{path}: is a run folder already; starprobe report {path}")
    if is_saved_dataset(path):
        return [path]
    saved = {one.parent for one in path.rglob("dataset_info.json")}
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not file.name.startswith((".", *_PASSED_OVER))
        and not file.name.endswith(BESIDE)
        and not any(folder in file.parents for folder in saved)
    ]
    return [*sorted(saved), *files] or [path]


def _paths(path: Paths) -> list[Path]:
    given = [path] if isinstance(path, Path | str) else list(path)
    return [Path(one) for one in given]


def _stem(path: Path) -> str:
    return "model" if path == STDIN else re.sub(r"(\.\w{2,7})?(\.gz|\.out)?$", "", path.name)


def _name(paths: Sequence[Path]) -> str:
    return _stem(paths[0]) if len(paths) == 1 and paths[0] != STDIN else "imported"


def _without_instructions(samples: Sequence[Sample]) -> list[Sample]:
    """Stems cut out of prompts, without the lines that begin those of several questions."""
    groups: dict[str, set[tuple[str, ...]]] = {}
    cut = [index for index, one in enumerate(samples) if one.derived and one.options]
    lines = {index: samples[index].question.split("\n") for index in cut}
    for index in cut:
        texts = tuple(sorted(option.text for option in samples[index].options))
        for number in range(1, len(lines[index])):
            groups.setdefault("\n".join(lines[index][:number]), set()).add(texts)
    shared = Counter({head: len(questions) for head, questions in groups.items()})
    result = list(samples)
    for index in cut:
        number = next(
            (
                n
                for n in range(len(lines[index]) - 1, 0, -1)
                if shared["\n".join(lines[index][:n])] > 1
            ),
            0,
        )
        stem = "\n".join(lines[index][number:]).strip()
        if number and stem:
            result[index] = samples[index].model_copy(update={"question": stem})
    return result
