"""Labels into a run and out of it: files, a judge's labels, and what a reader is refitted with.

A line is `id`, `options` (label -> code), `general`, `answer`, and may have `outcome`, in the codes
of the annotation guideline. A file is taken in whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.annotations.checked import ReaderCheck
from starprobe.bench.annotations.draw import draw, key_of
from starprobe.bench.annotations.machines import Matter, draw_cases
from starprobe.bench.files import Appender, only_writer, write_jsonl
from starprobe.bench.frames import key
from starprobe.bench.readers.annotated import gold_of
from starprobe.bench.readers.base import CODES, Reading, codes_of, style_of, treatment_of
from starprobe.bench.records import MULTI, Annotation, Drawn, MachineLabel, Outcome, Response
from starprobe.bench.results import measure_run
from starprobe.bench.run_folder import Run, file_name
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt

OUTCOMES: tuple[Outcome, ...] = ("answered", "no_answer", "refused", "multi", "cut")
LARGEST = 64 * 2**20
"""Bytes of a file of labels: ten thousand rows take three million."""


def guideline() -> str:
    """The annotation guideline, Markdown."""
    folder = files("starprobe.bench.readers").joinpath("data")
    return folder.joinpath("GUIDELINE.md").read_text(encoding="utf-8")


class Shown(NamedTuple):
    """A response as an annotator sees it."""

    id: str
    prompt: Prompt
    response: Response
    drawn: Drawn | None

    @property
    def key(self) -> str:
        """Its name where the model must not show."""
        return key_of(self.id)

    @property
    def labels(self) -> list[str]:
        """The labels of its options, in the order shown."""
        return [shown.label for shown in self.prompt.shown]

    @property
    def reading(self) -> Reading:
        """What a judge is given of it."""
        return Reading(self.id, self.response.readable, self.prompt.stem, self.prompt.shown)

    def row(self) -> dict[str, Any]:
        """What other tools are given: no model, no verdict."""
        return {
            "id": self.key,
            "question": self.prompt.stem,
            "options": [{"label": one.label, "text": one.text} for one in self.prompt.shown],
            "response": self.response.readable,
        }


def shown(run: Run, drawn: Sequence[Drawn]) -> list[Shown]:
    """The responses of a sample, in its order; those that the run no longer has are left out."""
    prompts, responses = run.prompts(), run.responses()
    return [
        Shown(row.id, prompts[response.prompt_id], response, row)
        for row in drawn
        if (response := responses.get(row.id)) is not None and response.prompt_id in prompts
    ]


def annotate(
    one: Shown,
    codes: dict[str, str],
    general: bool,
    answer: str | None,
    outcome: Outcome,
    by: str,
    revised: bool = False,
) -> Annotation:
    """The record of what somebody says of a response."""
    treatments = codes_of({label: treatment_of(code) for label, code in codes.items()})
    return Annotation.model_validate(
        {
            "id": one.id,
            "options": codes,
            "general": general,
            "answer": answer,
            "outcome": outcome,
            "style": style_of(treatments, answer, general),
            "by": by,
            "revised": revised,
            "drawn": one.drawn,
        }
    )


def writer(run: Run, name: str) -> Appender:
    """Appends to the annotations of this name."""
    return run.annotation_writer(checked_name(name))


def checked_name(name: str) -> str:
    """The name as it stands in the file's name.

    Raises:
        InputError: nothing of it can stand in one.
    """
    found = file_name(name)
    if found == "reader" and name != "reader":
        raise InputError(f"--name {name!r}: use letters, digits, - and _")
    return found


def take_in(run: Run, source: Path, name: str) -> tuple[int, int]:
    """Adds a file of labels to the run; gives how many rows, and how many of them were not drawn.

    Raises:
        InputError: naming the line and what is wrong with it; nothing is taken in then.
    """
    prompts, responses = run.prompts(), run.responses()
    drawn = {row.id: row for row in run.sample()}
    known = {key_of(one): one for one in responses} | {one: one for one in responses}
    found: dict[str, Annotation] = {}
    for number, row in read_rows(source):
        where = f"{source}, line {number}"
        one = row.get("id")
        if not isinstance(one, str) or one not in known:
            raise InputError(f"{where}: no response of {run.path} has the id {one!r:.60}")
        response = responses[known[one]]
        if response.id in found:
            raise InputError(f"{where}: the id {one!r} stands on an earlier line, too")
        prompt = prompts[response.prompt_id]
        seen = Shown(response.id, prompt, response, drawn.get(response.id))
        found[response.id] = _annotation(row, seen, name, where)
    if not found:
        raise InputError(f"{source}: holds no labels")
    there = run.annotations(checked_name(name))
    new = [one for one in found.values() if there.get(one.id) != one]
    with only_writer(run.path), writer(run, name) as file:
        file.append(new)
    return len(found), sum(one.drawn is None for one in found.values())


def machine_sample(run: Run, matter: Matter, count: int, seed: int = 0) -> list[Shown]:
    """The responses on which people are to say what a machine has said, in order."""
    prompts, responses = run.prompts(), {key(name): row for name, row in run.responses().items()}
    rows = [responses[one.id] for one in draw_cases(matter, count, seed)]
    return [Shown(row.id, prompts[row.prompt_id], row, None) for row in rows]


def machine_label(
    matter: Matter, response_id: str, choice: str, by: str, revised: bool = False
) -> MachineLabel:
    """The record of what somebody says of a response, beside what the machine said."""
    (band,) = {one.band for one in matter.cases if one.id == key(response_id)}
    return MachineLabel(
        id=response_id, matter=matter.name, choice=choice, by=by, revised=revised, band=band
    )


def take_in_choices(
    run: Run, matter: Matter, sample: Sequence[Shown], source: Path, name: str
) -> int:
    """Adds a file of lines with `id` and `choice`; gives how many.

    Raises:
        InputError: naming the line and what is wrong with it; nothing is taken in then.
    """
    known = {one.key: one.id for one in sample} | {one.id: one.id for one in sample}
    found: dict[str, MachineLabel] = {}
    for number, row in read_rows(source):
        where = f"{source}, line {number}"
        one, choice = row.get("id"), row.get("choice")
        if not isinstance(one, str) or one not in known:
            raise InputError(f"{where}: no response of this sample has the id {one!r:.60}")
        if not isinstance(choice, str) or choice not in matter.choices:
            raise InputError(
                f"{where}: 'choice' is {choice!r:.40}, not {', '.join(matter.choices)}"
            )
        if known[one] in found:
            raise InputError(f"{where}: the id {one!r} stands on an earlier line, too")
        revised = row.get("revised") is True
        found[known[one]] = machine_label(matter, known[one], choice, name, revised)
    if not found:
        raise InputError(f"{source}: holds no labels")
    with only_writer(run.path), run.machine_label_writer() as file:
        file.append(list(found.values()))
    return len(found)


def sample_run(path: Path | str, count: int = 50, reader: str | None = None) -> list[Shown]:
    """The sample of a run, in its order; draws what it lacks. `Shown.row()` is what to label.

    Args:
        path: a run folder that has been read.
        count: responses in the sample, earlier draws counted.
        reader: whose verdicts make the strata.

    Raises:
        FolderError: no run folder, or it cannot be written.
        InputError: nobody has read the run, or nothing in it can be labelled.
    """
    run = Run(path)
    with only_writer(run.path):
        return shown(run, draw(run, count, reader))


def annotate_run(
    path: Path | str, source: Path | str, name: str = "me", reader: str | None = None
) -> ReaderCheck | None:
    """Takes a file of labels into a run; gives what they say of its reader.

    Args:
        path: the run folder, with a sample that was drawn.
        source: JSONL of labels, in the annotation format.
        name: who labelled; each has a file.
        reader: whose verdicts are checked.

    Raises:
        FolderError: no run folder, or it cannot be written.
        InputError: the file holds anything but labels of this run's responses.
    """
    take_in(Run(path), Path(source), name)
    return measure_run(path, reader).reader_check


def read_rows(source: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    """Number and content of each line of a file of labels.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    try:
        if source.stat().st_size > LARGEST:
            raise InputError(f"{source}: is larger than {LARGEST // 2**20} MiB: no file of labels")
        text = source.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{source}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: is not UTF-8 text (byte {error.start})") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{source}, line {number}: not valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise InputError(f"{source}, line {number}: is no object with fields")
        yield number, row


def _annotation(row: dict[str, Any], one: Shown, name: str, where: str) -> Annotation:
    """The annotation of a row, if it is a whole and consistent one."""
    for field in ("options", "general", "answer"):
        if field not in row:
            raise InputError(f"{where}: field {field!r} is missing")
    codes, general, answer = row["options"], row["general"], row["answer"]
    labels = one.labels
    if not isinstance(codes, dict) or set(codes) != set(labels):
        raise InputError(f"{where}: 'options' must have the labels {', '.join(labels)}, no others")
    for label, code in codes.items():
        if code not in CODES:
            raise InputError(f"{where}: option {label} has {code!r:.40}, not {', '.join(CODES)}")
    if not isinstance(general, bool):
        raise InputError(f"{where}: 'general' must be true or false, not {general!r:.40}")
    if answer is not None and answer not in (*labels, MULTI):
        raise InputError(f"{where}: 'answer' is {answer!r:.40}, no label, 'multi' or null")
    implied = "multi" if answer == MULTI else "no_answer" if answer is None else "answered"
    outcome = row.get("outcome", implied)
    fits = outcome == implied if answer is not None else outcome in ("no_answer", "refused", "cut")
    if not fits:
        raise InputError(
            f"{where}: the outcome {outcome!r:.40} does not go with the answer {answer!r}"
        )
    revised = row.get("revised", False)
    if not isinstance(revised, bool):
        raise InputError(f"{where}: 'revised' must be true or false, not {revised!r:.40}")
    ordered = {label: codes[label] for label in labels}
    return annotate(one, ordered, general, answer, outcome, name, revised)


def by_judge(
    run: Run,
    sample: Sequence[Shown],
    judge: str,
    tick: Callable[[int], None] = lambda _: None,
) -> tuple[int, int]:
    """A judge model labels what it has not labelled yet of a sample; gives labelled and failed.

    Args:
        run: the run.
        sample: what to label.
        judge: `judge:MODEL`.
        tick: is told how many are done.

    Raises:
        InputError: no such judge.
        MissingError: its package, key or server is not there.
    """
    from starprobe.bench.read import chunks
    from starprobe.bench.readers import load_reader

    if not judge.startswith("judge:"):
        raise InputError(f"--by {judge}: a judge is named judge:MODEL, as in judge:gpt-4o")
    reader = load_reader(judge)
    there = run.annotations(file_name(judge))
    missing = [one for one in sample if one.id not in there]
    done = failed = 0
    try:
        with only_writer(run.path), run.annotation_writer(file_name(judge)) as file:
            for batch in chunks(missing, 32):
                verdicts = reader.read([one.reading for one in batch])
                golds = [
                    (one, gold_of(verdict))
                    for one, verdict in zip(batch, verdicts, strict=True)
                    if verdict is not None
                ]
                file.append(
                    annotate(one, gold.codes, gold.general, gold.answer, gold.outcome, judge)
                    for one, gold in golds
                )
                done += len(golds)
                failed += len(batch) - len(golds)
                tick(done + failed)
    finally:
        reader.close()
    return done, failed


def export(run: Run, out: Path, names: Sequence[str] = ()) -> tuple[Path, Path, int]:
    """Labels and responses in the annotation format; gives both files and the number of rows.

    Where several people labelled a response, the first by name counts, and all stand in `passes`.

    Args:
        run: a run with annotations.
        out: the folder for `labels.jsonl` and `responses.jsonl`.
        names: whose; by default people's, or a judge's where no person has labelled.

    Raises:
        InputError: nobody of these has labelled anything.
    """
    there = run.annotation_names()
    people = [name for name in there if not name.startswith("judge-")]
    for name in names:
        if name not in there:
            raise InputError(f"{run.path} has no labels by {name!r}; by: {', '.join(there)}")
    found: dict[str, list[Annotation]] = {}
    for name in names or people or there:
        for row in run.annotations(name).values():
            found.setdefault(row.id, []).append(row)
    prompts, responses = run.prompts(), run.responses()
    kept = {one: rows for one, rows in found.items() if one in responses}
    if not kept:
        raise InputError(f"{run.path} has no labels yet; run: starprobe annotate {run.path}")
    labels, texts = [], []
    for one, rows in kept.items():
        response = responses[one]
        prompt = prompts[response.prompt_id]
        labels.append(_label_row(rows))
        texts.append(
            Shown(one, prompt, response, None).row()
            | {
                "id": one,
                "answer": prompt.label_of(prompt.answer_id) if prompt.answer_id else None,
                "model": response.model,
                "family": response.model,
                "source": run.info.probe_set,
            }
        )
    write_jsonl(out / "labels.jsonl", labels)
    write_jsonl(out / "responses.jsonl", texts)
    return out / "labels.jsonl", out / "responses.jsonl", len(labels)


def _label_row(rows: Sequence[Annotation]) -> dict[str, Any]:
    passes = [
        {
            "options": row.options,
            "answer": row.answer,
            "general": row.general,
            "outcome": row.outcome,
        }
        for row in rows
    ]
    first = rows[0]
    found = {"id": first.id, **passes[0], "style": first.style}
    return found | ({"passes": passes} if len(passes) > 1 else {})
