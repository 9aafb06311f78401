"""A verdict held against its prompt gives a score; knows nothing of files or models.

No answer, several answers, a refusal and a response cut short are outcomes, not wrong answers: they
are scored `None` here. The two accuracies of `bench.metrics` differ in what they do with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from starprobe.bench.records import MULTI, Score, Verdict
from starprobe.probes.schema import Prompt


def score(verdict: Verdict, prompt: Prompt) -> Score:
    """Whether the answer found is the prompt's: None without a key or without one answer.

    The verdict names option ids, as verdicts in a run folder do.
    """
    if prompt.answer_id is None or verdict.answer is None or verdict.answer == MULTI:
        return Score(id=verdict.id, correct=None)
    return Score(id=verdict.id, correct=verdict.answer == prompt.answer_id)


def score_all(
    verdicts: Iterable[Verdict], prompts: Mapping[str, Prompt], prompt_of: Mapping[str, str]
) -> Iterator[Score]:
    """A score a verdict, in order.

    Args:
        verdicts: of one reader.
        prompts: prompt id -> prompt.
        prompt_of: verdict (that is, response) id -> prompt id.
    """
    for verdict in verdicts:
        yield score(verdict, prompts[prompt_of[verdict.id]])
