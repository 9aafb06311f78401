"""The wire format of reward models behind HTTP, as a dialect: scores out of every shape they take.

NVIDIA's Nemotron-4-340B-Reward writes `helpfulness:1.6,correctness:1.6,...` as the content of the
message and again as "log-probabilities" of the attributes; its hosted endpoint wrapped the message
in a list.
One-score models write `reward:-12.5`, or the bare number. `/pooling` and `/classify` of vLLM give
lists of numbers. The generation's text is the scores as JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from starprobe.bench.models.base import Request
from starprobe.bench.models.http_dialect import Call, Quirks
from starprobe.bench.models.http_faults import broken
from starprobe.bench.models.openai import DIALECT as OPENAI
from starprobe.bench.records import Generation

NVIDIA = "https://integrate.api.nvidia.com/v1"
PATHS = ("/pooling", "/classify", "/chat/completions")
ONE = "reward"
"""What a score without a name is called."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PAIR = re.compile(rf"([A-Za-z][\w -]*?)\s*[:=]\s*({_NUMBER})")


def fit_url(url: str) -> str:
    """The whole URL to post to: a chat's, unless the user's own ends in /pooling or /classify."""
    url = url.rstrip("/")
    return url if url.endswith(PATHS) else f"{OPENAI.fit_url(url)}/chat/completions"


def call(model: str, request: Request, quirks: Quirks) -> Call:
    """The turns to score."""
    messages = [turn.model_dump() for turn in request.prompt.messages]
    return Call("", {"model": model, "messages": messages})


def known(model: str, url: str) -> Quirks:
    """Nothing is known of a reward model without asking."""
    return Quirks()


def scores_of(data: Mapping[str, Any]) -> dict[str, float]:
    """Attribute -> score from the body of an answer, in any of the shapes.

    Raises:
        Fault: there are no finite scores in it.
    """
    choices = data.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        found = _from_choice(choices[0])
    else:
        found = _from_pooling(data.get("data"))
    if not found or not all(math.isfinite(score) for score in found.values()):
        raise broken("no_scores", f"the answer holds no scores: {json.dumps(data)[:120]}")
    return found


def _from_choice(choice: Mapping[str, Any]) -> dict[str, float]:
    message = choice.get("message")
    if isinstance(message, list):
        message = message[0] if message else None
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, list):
        content = "".join(
            str(part.get("text", "")) for part in content if isinstance(part, Mapping)
        )
    return read_scores(content if isinstance(content, str) else "") or _from_logprobs(choice)


def read_scores(content: str) -> dict[str, float]:
    """Scores out of the text that a reward model writes; empty where it is something else."""
    content = content.strip()
    if re.fullmatch(_NUMBER, content):
        return {ONE: float(content)}
    pairs = _PAIR.findall(content)
    # Anything left over means that this is prose with a number in it.
    if not pairs or _PAIR.sub("", content).strip(" ,;\n\t{}\"'"):
        return {}
    return {name.strip().lower(): float(score) for name, score in pairs}


def _from_logprobs(choice: Mapping[str, Any]) -> dict[str, float]:
    logprobs = choice.get("logprobs")
    rows = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    return {
        str(row["token"]).strip().lower(): float(row["logprob"])
        for row in rows or []
        if isinstance(row, Mapping) and isinstance(row.get("logprob"), int | float)
    }


def _from_pooling(rows: Any) -> dict[str, float]:
    row = rows[0] if isinstance(rows, list) and rows else None
    if not isinstance(row, Mapping):
        return {}
    values: Any = row.get("data", row.get("probs", row.get("score")))
    while isinstance(values, list) and values and isinstance(values[-1], list):
        values = values[-1]  # One row a token: the last token's is the score.
    values = values if isinstance(values, list) else [values]
    if not all(isinstance(value, int | float) for value in values):
        return {}
    if len(values) == 1:
        return {ONE: float(values[0])}
    return {f"{ONE}_{place}": float(value) for place, value in enumerate(values, start=1)}


def generation(data: Mapping[str, Any]) -> Generation:
    """The scores as JSON text."""
    return Generation(text=json.dumps(scores_of(data)), finish_reason="stop")


DIALECT = OPENAI._replace(
    url=NVIDIA,
    key="NVIDIA_API_KEY",
    fit_url=fit_url,
    known=known,
    call=call,
    generation=generation,
)
