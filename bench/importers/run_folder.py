"""Samples -> a run folder: questions told apart by content, letters undone into option ids."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.importers.sample import Choice, Sample
from starprobe.bench.records import ModelInfo, Response, ResponseError, RunInfo, Sampling
from starprobe.bench.run_folder import Run, hardware, versions
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Message, Option, ProbeSet, Prompt, Question, ShownOption


class Made(NamedTuple):
    """What an import came to."""

    run: Run
    responses: int
    without_options: int
    without_answer: int
    """Responses whose source names no right option, or one that is none of the options."""


def write_run(samples: Sequence[Sample], out: Path, source: Path, command: str) -> Made:
    """A new run folder with these responses; the same ones again change nothing.

    Raises:
        FolderError: the folder holds something else.
        InputError: there is no sample.
    """
    if not samples:
        raise InputError(f"{source}: holds no responses")
    questions: dict[str, Question] = {}
    prompts: dict[str, Prompt] = {}
    prompt_of: list[str] = []
    names: dict[str, str] = {}
    for sample in samples:
        key = _content(sample)
        if key not in names:
            names[key] = _question_id(sample, key, questions)
            questions[names[key]] = _question(sample, names[key])
        elif sample.answer is not None and questions[names[key]].answer_id is None:
            questions[names[key]] = _answered(questions[names[key]], sample)
        prompt_of.append(_add_prompt(prompts, questions[names[key]], sample))
    probe_set = ProbeSet(name=source.stem, questions=tuple(questions.values()))
    # The answer may have been learnt from a later sample of the same question.
    for name, prompt in prompts.items():
        answer = questions[prompt.question_id].answer_id
        prompts[name] = prompt.model_copy(update={"answer_id": answer})
    responses = _responses(samples, prompt_of)
    info = _info(samples, probe_set, command, responses)
    run = Run.create(out, info, prompts.values())
    there = run.responses()
    with run.response_writer() as writer:
        writer.append(row for row in responses if row.id not in there)
    return Made(
        run,
        len(responses),
        sum(not sample.options for sample in samples),
        sum(prompts[name].answer_id is None for name in prompt_of),
    )


def _info(
    samples: Sequence[Sample], probe_set: ProbeSet, command: str, responses: Sequence[Response]
) -> RunInfo:
    return RunInfo(
        probe_set=probe_set.name,
        probe_hash=probe_set.hash,
        questions=len(probe_set.questions),
        conditions=tuple(dict.fromkeys(sample.condition for sample in samples)),
        orders=1,
        repeats=max(row.repeat for row in responses) + 1,
        models=tuple(
            ModelInfo(name=name) for name in dict.fromkeys(sample.model for sample in samples)
        ),
        sampling=Sampling(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        versions=versions(),
        hardware=hardware(),
        imported=True,
    )


def _responses(samples: Sequence[Sample], prompt_of: Sequence[str]) -> list[Response]:
    """One row a sample; its own id is kept where it is the only one of that id."""
    own = Counter(sample.id for sample in samples)
    seen: Counter[tuple[str, str]] = Counter()
    rows = []
    for sample, prompt_id in zip(samples, prompt_of, strict=True):
        repeat = seen[prompt_id, sample.model]
        seen[prompt_id, sample.model] += 1
        named = f"{sample.model}\n{prompt_id}\n{repeat}"
        unique = sample.id if own[sample.id] == 1 else None
        error = sample.error
        rows.append(
            Response(
                id=unique or hashlib.sha256(named.encode()).hexdigest()[:20],
                prompt_id=prompt_id,
                repeat=repeat,
                model=sample.model,
                text=sample.response,
                reasoning=sample.reasoning,
                finish_reason=sample.finish_reason,
                usage=sample.usage,
                latency_s=sample.latency_s,
                error=ResponseError(kind="imported", message=error, permanent=True)
                if error
                else None,
            )
        )
    return rows


def _content(sample: Sample) -> str:
    """The question's identity: its stem and its options, in whatever order they are shown."""
    texts = sorted(option.text.strip() for option in sample.options)
    return "\x1f".join([sample.question.strip(), *texts])


def _question_id(sample: Sample, key: str, questions: dict[str, Question]) -> str:
    """The source's id, unless another question has it already."""
    if sample.question_id and sample.question_id not in questions:
        return sample.question_id
    return "q" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _question(sample: Sample, name: str) -> Question:
    options = tuple(
        Option(id=f"o{index}", text=option.text, label=option.label)
        for index, option in enumerate(sample.options, start=1)
    )
    question = Question(id=name, stem=sample.question, options=options)
    return _answered(question, sample) if sample.answer is not None else question


def _answered(question: Question, sample: Sample) -> Question:
    if not question.options:
        return question.model_copy(update={"answer_text": sample.answer})
    shown = {option.label: option.option_id for option in _shown(question, sample.options)}
    return question.model_copy(update={"answer_id": shown.get(sample.answer or "")})


def _shown(question: Question, choices: Sequence[Choice]) -> tuple[ShownOption, ...]:
    """The options as this sample shows them; equal texts take their ids in order."""
    left = {option.id: option.text.strip() for option in question.options}
    shown = []
    for choice in choices:
        option_id = next(name for name, text in left.items() if text == choice.text.strip())
        del left[option_id]
        shown.append(ShownOption(label=choice.label, option_id=option_id, text=choice.text))
    return tuple(shown)


def _add_prompt(prompts: dict[str, Prompt], question: Question, sample: Sample) -> str:
    """The id of the prompt that this sample answers, which is added where it is new."""
    shown = _shown(question, sample.options)
    lines = "\n".join(f"({option.label}) {option.text}" for option in shown)
    text = sample.prompt or "\n\n".join(part for part in (sample.question, lines) if part)
    for number in range(len(prompts) + 1):
        name = f"{question.id}|{sample.condition}|{number}"
        there = prompts.get(name)
        if there is None:
            prompts[name] = Prompt(
                id=name,
                question_id=question.id,
                condition=sample.condition,
                order=number,
                stem=question.stem,
                shown=shown,
                messages=(Message(role="user", content=text),),
                text=text,
            )
            return name
        if there.shown == shown and there.text == text:
            return name
    raise AssertionError("there is always a free number")
