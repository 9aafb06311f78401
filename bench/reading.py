"""The stage that reads: responses of a run folder, lines of a file, or one text, into verdicts.

A reader speaks in labels; here labels become option ids where a run folder is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from starprobe.bench.files import Appender
from starprobe.bench.read_response import ReadResponse
from starprobe.bench.readers import DEFAULT_CLASSIFIER, load_classifier
from starprobe.bench.readers.base import Classifier, Reading
from starprobe.bench.reading_pool import CHUNK, chunks, read_chunks
from starprobe.bench.records import MULTI, Response, Verdict
from starprobe.bench.storage import Run
from starprobe.probes.schema import Prompt, Question, ShownOption


def classify(
    text: str,
    question: Question | Mapping[str, Any],
    classifier: Classifier | str = DEFAULT_CLASSIFIER,
) -> ReadResponse:
    """What one response says of each option, with a table as its `repr`.

    Args:
        text: the response.
        question: a Question, or a row of a question file: `question` and `options`.
        classifier: a reader or its name.

    Raises:
        InputError: a row that is no question, or no reader of this name.
    """
    if not isinstance(question, Question):
        from starprobe.probes.loading import parse_question

        question = parse_question({"id": "question", **question}, "the question")
    shown = tuple(
        ShownOption(label=option.label or option.id, option_id=option.id, text=option.text)
        for option in question.options
    )
    reader = load_classifier(classifier) if isinstance(classifier, str) else classifier
    verdict = reader.classify(Reading(question.id, text, question.stem, shown))
    return ReadResponse(text, shown, verdict)


def classify_responses(
    prompts: Mapping[str, Prompt], responses: Iterable[Response], classifier: Classifier
) -> Iterator[Verdict]:
    """One verdict a response, in option ids; none for a failed response or an unknown prompt.

    Args:
        prompts: prompt id -> prompt.
        responses: any order.
        classifier: from `bench.readers.load_classifier`.
    """
    for batch in chunks(_readings(prompts, responses), CHUNK):
        for verdict, (_, prompt) in zip(
            read_chunks([[reading for reading, _ in batch]], classifier), batch, strict=True
        ):
            if verdict is not None:
                yield by_option_id(verdict, prompt)


def _readings(
    prompts: Mapping[str, Prompt], responses: Iterable[Response]
) -> Iterator[tuple[Reading, Prompt]]:
    for response in responses:
        prompt = prompts.get(response.prompt_id)
        if response.error is None and prompt is not None:
            yield reading_of(response, prompt), prompt


def reading_of(response: Response, prompt: Prompt) -> Reading:
    """What a reader is given of a response in a run folder."""
    return Reading(
        response.id, response.readable, prompt.stem, prompt.shown, response.finish_reason
    )


def by_option_id(verdict: Verdict, prompt: Prompt) -> Verdict:
    """The same verdict with the prompt's labels replaced by the ids of the options they show."""
    ids = prompt.labels
    answer = verdict.answer
    return verdict.model_copy(
        update={
            "options": {ids[label]: treatment for label, treatment in verdict.options.items()},
            "answer": answer if answer is None or answer == MULTI else ids[answer],
        }
    )


def classify_run(
    run: Run | Path | str,
    classifier: Classifier | str = DEFAULT_CLASSIFIER,
    workers: int = 1,
) -> Path:
    """Reads what this reader has not read yet; gives the file of its verdicts in the folder.

    Resumes: verdicts of the same reader and version stay; of another version, all are made anew.

    Args:
        run: the folder.
        classifier: a reader or its name.
        workers: processes that read; a reader that was handed over, or a judge, reads in this one.

    Raises:
        FolderError: no run folder, or it cannot be written.
        InputError: there is no reader of this name.
    """
    run = run if isinstance(run, Run) else Run(run)
    name = classifier if isinstance(classifier, str) else classifier.name.rpartition("-")[0]
    reader = load_classifier(classifier) if isinstance(classifier, str) else classifier
    path = run.path / f"verdicts.{file_name(name)}.jsonl"
    there = run.verdicts(file_name(name))
    if any(verdict.classifier != reader.name for verdict in there.values()):
        path.unlink()
        there = {}
    prompts, responses = run.prompts(), run.responses()
    missing = (row for row in responses.values() if row.id not in there)
    parallel = workers > 1 and isinstance(classifier, str) and not hasattr(reader, "read_all")
    batches = chunks((reading for reading, _ in _readings(prompts, missing)), CHUNK)
    found = read_chunks(batches, name if parallel else reader, workers if parallel else 1)
    with Appender(path) as appender:
        for batch in chunks((verdict for verdict in found if verdict is not None), CHUNK):
            appender.append(
                by_option_id(verdict, prompts[responses[verdict.id].prompt_id]) for verdict in batch
            )
    return path


def file_name(classifier: str) -> str:
    """A classifier's name as it stands in `verdicts.NAME.jsonl`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", classifier).strip("-") or "reader"
