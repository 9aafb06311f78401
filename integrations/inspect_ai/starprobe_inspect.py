"""starprobe for inspect_ai: our questions, their options permuted, and our reader as scorer.

    inspect eval integrations/inspect_ai/starprobe_inspect.py --model MODEL -T probes=everyday

The task asks each question under one condition in as many option orders as one likes; the scorer
reads the response option by option and gives what it did with them, and whether it was right.
"""

from __future__ import annotations

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState, generate

from starprobe.bench.readers import load_reader
from starprobe.bench.readers.base import Reading
from starprobe.bench.run_config import RunConfig, render_probes
from starprobe.probes.schema import Prompt

ROLES = {"system": ChatMessageSystem, "user": ChatMessageUser}


def dataset(
    probes: str = "everyday", condition: str = "plain", orders: int = 1, limit: int | None = None
) -> MemoryDataset:
    """A sample a prompt: the question in one order of its options, the key as its target.

    Args:
        probes: a set of questions, or a file of them.
        condition: a way of asking, as `starprobe probes conditions` lists them.
        orders: option orders a question: that of the file and its rotations.
        limit: so many questions of the set.

    Raises:
        InputError: there is no such set or condition.
    """
    config = RunConfig(
        models=(), probes=(probes,), conditions=(condition,), orders=orders, limit=limit
    )
    _, prompts = render_probes(config)
    return MemoryDataset([_sample(prompt) for prompt in prompts], name=probes)


def _sample(prompt: Prompt) -> Sample:
    labels = {one.option_id: one.label for one in prompt.shown}
    return Sample(
        id=prompt.id,
        input=[ROLES[turn.role](content=turn.content) for turn in prompt.messages],
        target=labels.get(prompt.answer_id or "", ""),
        metadata={"prompt": prompt.model_dump(mode="json")},
    )


@scorer(
    metrics={"right": [mean(), stderr()], "full_breakdown": [mean(), stderr()],
             "coverage": [mean(), stderr()]}
)  # fmt: skip
def options_read(reader: str = "rules") -> Scorer:
    """What a response does with each option: right answer, full breakdown, coverage.

    Args:
        reader: whose reading counts, as `--reader` takes it.
    """
    loaded = load_reader(reader)

    async def score(state: TaskState, target: Target) -> Score:
        prompt = Prompt.model_validate(state.metadata["prompt"])
        text = state.output.completion
        (verdict,) = loaded.read([Reading(prompt.id, text, prompt.stem, prompt.shown)])
        if verdict is None:
            return Score.unscored(explanation="could not be read")
        return Score(
            value={
                "right": float(verdict.answer == target.text),
                "full_breakdown": float(verdict.coverage == 1),
                "coverage": verdict.coverage or 0.0,
            },
            answer=verdict.answer or "",
            explanation=verdict.style,
        )

    return score


@task
def options(
    probes: str = "everyday",
    condition: str = "plain",
    orders: int = 1,
    limit: int | None = None,
    reader: str = "rules",
) -> Task:
    """The questions of a set, asked in one way, read option by option."""
    return Task(
        dataset=dataset(probes, condition, orders, limit),
        solver=generate(),
        scorer=options_read(reader),
    )
