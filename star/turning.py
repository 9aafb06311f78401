"""Kept rationales shown with their options in other orders, so that no place wins by itself.

A weak model chooses a place (often the last) more than an option; what it gets right is then right
in that place, and training on it would teach the place. A rationale that weighs each option on a
line of its own says the same in any order: its lines are put into the new order and relabelled. One
that names no label but that of its closing sentence is relabelled there. Rationales of any other
form are left as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from starprobe.probes.orders import arrange
from starprobe.probes.schema import Question
from starprobe.star.config import StarConfig
from starprobe.star.records import Sample

_LINE = re.compile(r"^\(([A-Z])\) ")
_LABEL = re.compile(r"\(([A-Z])\)")


def turned(sample: Sample, question: Question, order: int, config: StarConfig) -> Sample | None:
    """The sample as if its options had been shown in this order; None where it cannot be turned."""
    lines = sample.text.strip().split("\n")
    found = {match[1]: line for line in lines if (match := _LINE.match(line))}
    labels = list(sample.shown)
    weighed = set(found) == set(labels) and len(found) == sum(bool(_LINE.match(x)) for x in lines)
    # Of a rationale for the chosen option alone, nothing but the closing sentence names a label.
    closed_only = not found and len(_LABEL.findall(sample.text)) == 1 and _LABEL.search(lines[-1])
    if not labels or not (weighed or closed_only):
        return None
    arranged = [option.id for option in arrange(question, order, config.seed)]
    shown = dict(zip(labels, arranged, strict=True))
    new = {option: label for label, option in shown.items()}
    names = {old: new[option] for old, option in sample.shown.items()}
    if any(label not in names for label in _LABEL.findall(sample.text)):
        return None
    body = iter(sorted(found, key=lambda label: names[label]))
    text = "\n".join(found[next(body)] if _LINE.match(line) else line for line in lines)
    text = _LABEL.sub(lambda match: f"({names[match[1]]})", text)
    changed = {"id": f"{sample.id}@{order}", "order": order, "shown": shown, "text": text}
    return sample.model_copy(update=changed)


def balanced(
    kept: Sequence[Sample], questions: Mapping[str, Question], config: StarConfig
) -> list[Sample]:
    """The kept samples, each in `turns` orders, their answers in every place equally often.

    Each turn goes to the place that has had the fewest answers so far. What cannot be turned
    comes once, as it is.
    """
    had: Counter[str] = Counter()
    found: list[Sample] = []
    for sample in kept:
        made = _turns(sample, questions[sample.question_id], had, config)
        found.extend(made or [sample])
        had.update(map(_place, made or [sample]))
    return found


def _turns(
    sample: Sample, question: Question, had: Counter[str], config: StarConfig
) -> list[Sample]:
    orders = range(1, 4 * max(1, len(question.options)))
    made = [turned(sample, question, order, config) for order in orders]
    choices = [one for one in made if one is not None]
    had = had.copy()
    found: list[Sample] = []
    while choices and len(found) < config.turns:
        best = min(choices, key=lambda one: (had[_place(one)], one.order))
        choices.remove(best)
        had[_place(best)] += 1
        found.append(best)
    return found


def _place(sample: Sample) -> str:
    return next((one for one, option in sample.shown.items() if option == sample.answer), "")
