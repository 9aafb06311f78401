"""A language model as the reader: asked to annotate by the same guideline, parsed strictly.

What does not parse is missing: no verdict is made up of it. Knows backends by their protocol only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from starprobe.bench.models.base import Backend, Request, generate
from starprobe.bench.models.thinking import WRITTEN
from starprobe.bench.readers.annotated import CODES, treatment_of
from starprobe.bench.readers.base import Reading
from starprobe.bench.readers.styles import codes_of, coverage_of, style_of
from starprobe.bench.records import MULTI, Outcome, Sampling, Verdict
from starprobe.probes.errors import UserError
from starprobe.probes.schema import Message, Prompt

VERSION = 1
MAX_TOKENS = 1024
OUTCOMES: tuple[Outcome, ...] = ("answered", "no_answer", "refused", "multi", "cut")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)

INSTRUCTIONS = """\
You annotate how a response to a multiple-choice question treats each option. Judge what the text \
does, never whether it is right.

Give every option one code:
- "0": it is not referred to, or only because the response copies the question or the list of \
options, or only within an unnamed group such as "the others".
- "n": it is referred to, but nothing specific is said for or against it: "the answer is (B)", \
"A and C are wrong". A bare judgement, and a denial in the question's own words, is no reason.
- "r+": at least one reason why this very option fits: a property, a fact, a consequence.
- "r-": at least one reason why this very option does not fit. A fact that fails a test which the \
response states, or a lost comparison, counts.
- "r~": something specific is said about what it is or does, but no side is taken, or both are.
A reason shared by options that are named together counts for each. A value that is worked out and \
then matched to an option is general working, and the option is "n". Where the mind is changed, \
the last side counts. Visible thinking is part of the response.

Also give
- "general": true if there is reasoning or working that is about no single option, else false;
- "answer": the label that the response answers, "multi" for more than one, null for none;
- "outcome": "answered", "no_answer", "refused", "multi", or "cut" (it stops before answering).

Reply with one JSON object and nothing else, in this form:
{"options": {LABEL: CODE, ...}, "general": true, "answer": LABEL, "outcome": "answered"}"""


class UnreadableJudgement(UserError):
    """A judge's reply that is no annotation."""


class JudgeClassifier:
    """Reads by asking a model."""

    def __init__(self, model: str, backend: Backend | None = None) -> None:
        """The judge of this model name; the backend is loaded from the name if none is given.

        Raises:
            InputError: no such model.
            MissingError: its package, key or server is not there.
        """
        if backend is None:
            from starprobe.bench.models import load_backend

            backend = load_backend(model)
        self.name = f"judge:{model}-{VERSION}"
        self._backend = backend

    def classify(self, reading: Reading) -> Verdict:
        """The judge's verdict.

        Raises:
            UnreadableJudgement: the judge failed or its reply is no annotation.
        """
        verdict = next(iter(self.read_all([reading])))
        if verdict is None:
            raise UnreadableJudgement(f"{self.name} gave no annotation of {reading.id}")
        return verdict

    def read_all(self, readings: Sequence[Reading]) -> Iterator[Verdict | None]:
        """The verdicts in order; None where the judge failed or its reply does not parse."""
        requests = [judge_request(str(place), one) for place, one in enumerate(readings)]
        replies: dict[str, str] = {}
        for request_id, generation in generate(self._backend, requests):
            if generation.error is None:
                replies[request_id] = generation.text
        for place, reading in enumerate(readings):
            reply = replies.get(str(place))
            yield None if reply is None else parse(reply, reading, self.name)

    def close(self) -> None:
        """Frees the backend."""
        self._backend.close()


def judge_request(request_id: str, reading: Reading) -> Request:
    """The request to annotate one response, greedy."""
    listed = "\n".join(f"{shown.label}. {shown.text}" for shown in reading.shown)
    asked = (
        f"QUESTION:\n{reading.stem}\n\nOPTIONS:\n{listed}\n\n"
        f"RESPONSE, between the lines of equals signs:\n{'=' * 20}\n{reading.text}\n{'=' * 20}\n\n"
        "The JSON object:"
    )
    prompt = Prompt(
        id=f"judge-{request_id}",
        question_id=reading.id,
        condition="judge",
        stem=reading.stem,
        shown=reading.shown,
        messages=(
            Message(role="system", content=INSTRUCTIONS),
            Message(role="user", content=asked),
        ),
        text=f"{INSTRUCTIONS}\n\n{asked}\n",
    )
    return Request(id=request_id, prompt=prompt, sampling=Sampling(max_tokens=MAX_TOKENS))


def parse(reply: str, reading: Reading, name: str) -> Verdict | None:
    """The verdict that a reply holds; None unless it is exactly one complete annotation."""
    text = WRITTEN.sub("", reply, count=1) if reply.lstrip().startswith("<think") else reply
    fenced = _FENCE.match(text)
    try:
        found = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return None
    labels = [shown.label for shown in reading.shown]
    if not isinstance(found, dict) or not _is_complete(found, labels):
        return None
    options = {label: treatment_of(found["options"][label]) for label in labels}
    codes = codes_of(options)
    return Verdict(
        id=reading.id,
        options=options,
        answer=found["answer"],
        outcome=found["outcome"],
        general=found["general"],
        style=style_of(codes, found["answer"], found["general"]),
        coverage=coverage_of(codes),
        classifier=name,
    )


def _is_complete(found: dict[str, Any], labels: list[str]) -> bool:
    codes, answer, outcome = found.get("options"), found.get("answer", 0), found.get("outcome")
    if not isinstance(codes, dict) or set(codes) != set(labels):
        return False
    if not all(isinstance(code, str) and code in CODES for code in codes.values()):
        return False
    if not (answer is None or (isinstance(answer, str) and answer in (*labels, MULTI))):
        return False
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        return False
    if (outcome == "answered") != (answer is not None and answer != MULTI):
        return False
    return isinstance(found.get("general"), bool)
