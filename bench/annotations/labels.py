"""Labels into a run and out of it: files, a page to label on, a judge's, rows to refit a reader.

A line is `id`, `options` (label -> code), `general`, `answer`, and may have `outcome`, in the codes
of the annotation guideline. A file is taken in whole or not at all. The page is one HTML file that
works offline and saves by download: under its policy no script but its own runs and nothing is
fetched, all texts are data, and the reader's verdicts are shown only after the choice.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.annotations.checked import ReaderCheck, is_judge
from starprobe.bench.annotations.draw import Matter, draw, draw_cases, key_of
from starprobe.bench.files import Appender, only_writer, write_atomic, write_jsonl
from starprobe.bench.frames import key
from starprobe.bench.readers.annotated import gold_of, read_rows
from starprobe.bench.readers.base import CODES, Reading, code_of, codes_of, style_of, treatment_of
from starprobe.bench.records import (
    MULTI,
    Annotation,
    Drawn,
    MachineLabel,
    Outcome,
    Response,
    Verdict,
)
from starprobe.bench.results import measure_run
from starprobe.bench.run_folder import Run, file_name
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Prompt

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
    for where, one, row in _labelled(source, known, str(run.path)):
        response = responses[one]
        seen = Shown(one, prompts[response.prompt_id], response, drawn.get(one))
        found[one] = _annotation(row, seen, name, where)
    there = run.annotations(checked_name(name))
    new = [one for one in found.values() if there.get(one.id) != one]
    with only_writer(run.path), writer(run, name) as file:
        file.append(new)
    return len(found), sum(one.drawn is None for one in found.values())


def _labelled(
    source: Path, known: Mapping[str, str], of: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where each label stands, the response that it is of, and its row; at least one.

    `known`: what a response may be called -> its id; `of`: where it is looked for.
    """
    if source.is_file() and source.stat().st_size > LARGEST:
        raise InputError(f"{source}: is larger than {LARGEST // 2**20} MiB: no file of labels")
    found: set[str] = set()
    for where, row in read_rows(source):
        one = row.get("id")
        if not isinstance(one, str) or one not in known:
            raise InputError(f"{where}: no response of {of} has the id {one!r:.60}")
        if known[one] in found:
            raise InputError(f"{where}: the id {one!r} stands on an earlier line, too")
        found.add(known[one])
        yield where, known[one], row
    if not found:
        raise InputError(f"{source}: holds no labels")


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
    for where, one, row in _labelled(source, known, "this sample"):
        choice = row.get("choice")
        if not isinstance(choice, str) or choice not in matter.choices:
            raise InputError(
                f"{where}: 'choice' is {choice!r:.40}, not {', '.join(matter.choices)}"
            )
        found[one] = machine_label(matter, one, choice, name, row.get("revised") is True)
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
    people = [name for name in there if not is_judge(name)]
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
    fields = "options", "answer", "general", "outcome"
    passes = [{name: getattr(row, name) for name in fields} for row in rows]
    first = rows[0]
    found = {"id": first.id, **passes[0], "style": first.style}
    return found | ({"passes": passes} if len(passes) > 1 else {})


_PART = re.compile(r"\{\{(\w+)\}\}")


def write_page(
    out: Path,
    sample: Sequence[Shown],
    verdict_of: Callable[[Shown], Verdict | None],
    name: str,
    command: str,
    matter: Matter | None = None,
) -> Path:
    """Writes the page; gives its path.

    Args:
        out: the file.
        sample: what to label, in this order.
        verdict_of: the reader's verdict in labels.
        name: of the annotator, for the name of the download.
        command: what takes the download in, without the file.
        matter: what another machine than the reader has said: one choice a response.

    Raises:
        FolderError: the file cannot be written.
    """
    rows = [one.row() | {"reader": _evidence(verdict_of(one))} for one in sample]
    digest = hashlib.sha256(" ".join(row["id"] for row in rows).encode()).hexdigest()[:12]
    if matter is not None:
        said = {case.id: case.said for case in matter.cases}
        for one, row in zip(sample, rows, strict=True):
            row["reader"] = {"said": said.get(key(one.id))}
        digest = f"{matter.name} {digest}"
    task = matter and {"asks": matter.asks, "choices": matter.keys}
    data = {
        "task": task,
        "key": f"starprobe {name} {digest}",
        "name": name,
        "command": command,
        "rows": rows,
    }
    folder = files(__package__)
    script, style = (
        folder.joinpath(part).read_text(encoding="utf-8") for part in ("page.js", "page.css")
    )
    parts = {
        "policy": policy(script, style),
        "style": style,
        "script": script,
        "data": _in_script(data),
        "guideline": escape(matter.asks if matter else guideline()),
        "count": str(len(rows)),
    }
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    write_atomic(out, _PART.sub(lambda found: parts[found[1]], page))
    return out


def policy(script: str, style: str) -> str:
    """A Content-Security-Policy under which only this script and this style count."""
    hashes = [
        f"'sha256-{b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
        for part in (script, style)
    ]
    return (
        f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; base-uri 'none'; "
        f"form-action 'none'"
    )


def _evidence(verdict: Verdict | None) -> dict[str, Any] | None:
    """Codes, answer and the words that show them."""
    if verdict is None:
        return None
    return {
        "options": {label: code_of(one) for label, one in verdict.options.items()},
        "answer": verdict.answer,
        "spans": {label: [list(s) for s in one.spans] for label, one in verdict.options.items()},
    }


def _in_script(data: Any) -> str:
    """JSON that cannot end its script element, ASCII alone: lone surrogates survive as escapes."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
