"""A language model as the reader: asked to annotate by the guideline, parsed strictly.

Where accuracy matters this is the recommended way: a capable model reads nearly as well as the
annotators do. Replies are kept, so that nothing is paid for twice. What does not parse after one
repair is missing: no verdict is made up of it. Any backend will do.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from starprobe.bench.files import Appender, read_jsonl
from starprobe.bench.models.backend import Backend, Request, generate
from starprobe.bench.models.local import cache_folder
from starprobe.bench.models.thinking import WRITTEN
from starprobe.bench.readers.base import (
    CODES,
    ErrorCounts,
    Reading,
    error_counts,
    treatment_of,
    verdict,
)
from starprobe.bench.readers.text import attribute
from starprobe.bench.records import MULTI, OUTCOMES, Sampling, Verdict
from starprobe.probes.errors import InputError
from starprobe.probes.schema import Message, Prompt

VERSION = 2
MAX_TOKENS = 1024
OUT = 80
"""Tokens of an annotation, about."""
WINDOW = 256
"""Responses that are asked about in one go."""
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)

INSTRUCTIONS = """\
You annotate how a response to a multiple-choice question treats each option. Judge what the text \
does, never whether it is right.

Give every option one code:
- "0": it is not referred to, or only because the response copies the question or the list of \
options, or only within an unnamed group such as "the others".
- "n": it is referred to, but nothing specific is said for or against it: "the answer is (B)", \
"A and C are wrong". A bare judgement, and a denial in the option's or the question's own words, \
is no reason.
- "r+": at least one reason why this very option fits: a property, a fact, a consequence.
- "r-": at least one reason why this very option does not fit. A fact that fails a test which the \
response states, or a lost comparison that names a ground, counts.
- "r~": something specific is said about what it is or does, but no side is taken, or both are.

Hard cases:
- A reason shared by options that are named together counts for each.
- A value that is worked out and then matched to an option is general working, and the option is \
"n". So is an option that is only the conclusion of a derivation which says nothing of it, and the \
option left over after the others are struck out, unless a fact of its own is given.
- An option that is only a verdict on the question's statement (yes, true) is "n", and the working \
is general, unless a ground is joined to it ("No, because ...").
- A supporting fact for an option that is then not chosen is "r~"; praised, then beaten on a named \
ground, "r-"; a concession with a bare rejection "r~".
- Where the mind is changed, the last side counts. Visible thinking is part of the response.
- Where label and words disagree, the option whose whole text is written out is the answer.

Also give
- "general": true if there is reasoning or working that is about no single option and adds \
something to the question's words, else false;
- "answer": the label that the response answers, "multi" for more than one, null for none;
- "outcome": "answered", "no_answer", "refused" (it declines), "multi", or "cut" (it stops while \
still working towards an answer).

Examples, for the question "What can be used to carry a small dog?" with A. pool, B. basket, \
C. dog show:
"It is B. A pool cannot be carried." -> {"options": {"A": "r-", "B": "n", "C": "0"}, "general": \
false, "answer": "B", "outcome": "answered"}
"To carry something it must be portable. Baskets have handles. A dog show is an event." -> \
{"options": {"A": "0", "B": "r+", "C": "r-"}, "general": true, "answer": "B", "outcome": "answered"}

Reply with one JSON object and nothing else, in this form:
{"options": {LABEL: CODE, ...}, "general": true, "answer": LABEL, "outcome": "answered"}"""

REPAIR = (
    "That is not the annotation asked for: {why}. Reply with the one JSON object and nothing else."
)


class Estimate(NamedTuple):
    """What reading will take."""

    requests: int
    tokens_in: int
    """Four characters a token."""
    tokens_out: int


class JudgeReader:
    """Reads by asking a model."""

    parallel = False

    def __init__(
        self, model: str, backend: Backend | None = None, replies: Path | None = None
    ) -> None:
        """The judge of this model name.

        Args:
            model: as in `starprobe run`.
            backend: loaded from the name where none is given, once it is needed.
            replies: where replies are kept and looked up; a file of a batch's output is read as
                well. By default a file in the cache folder; none for a backend handed over.

        Raises:
            InputError: no such model.
            MissingError: its package, key or server is not there.
        """
        self.model = model
        self.name = f"judge:{model}-{VERSION}"
        self._backend = backend
        if replies is None and backend is None:
            replies = _cache_file(model)
        self.file = replies
        self._kept = stored_replies(replies) if replies is not None else {}

    def read(self, readings: Iterable[Reading]) -> Iterator[Verdict | None]:
        """The verdicts in order; None where the judge failed or its reply does not parse."""
        source = iter(readings)
        while window := list(islice(source, WINDOW)):
            yield from self._read(window)

    def _read(self, window: Sequence[Reading]) -> Iterator[Verdict | None]:
        requests = [judge_request(reading) for reading in window]
        replies = self._replies(requests)
        broken = []
        for reading, request in zip(window, requests, strict=True):
            reply = replies.get(request.id)
            if reply is not None and (why := fault_in(reply, reading)):
                broken.append(repair_request(request, reply, why))
        replies |= {
            key.removesuffix("-repair"): text for key, text in self._replies(broken).items()
        }
        for reading, request in zip(window, requests, strict=True):
            reply = replies.get(request.id)
            yield None if reply is None else parse(reply, reading, self.name)

    def _replies(self, requests: Sequence[Request]) -> dict[str, str]:
        """Request id -> reply, kept or new; none for a failure."""
        found = {r.id: self._kept[r.id] for r in requests if r.id in self._kept}
        missing = list({r.id: r for r in requests if r.id not in found}.values())
        if not missing:
            return found
        new = {}
        for request_id, generation in generate(self._loaded(), missing):
            if generation.error is None:
                new[request_id] = generation.text
        self._kept |= new
        if self.file is not None and new:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with Appender(self.file) as appender:
                appender.append({"custom_id": key, "reply": text} for key, text in new.items())
        return found | new

    def _loaded(self) -> Backend:
        if self._backend is None:
            from starprobe.bench.models import load_backend

            self._backend = load_backend(self.model)
        return self._backend

    def estimate(self, readings: Iterable[Reading]) -> Estimate:
        """What reading these will take at most, replies that are kept left out."""
        requests = tokens = 0
        for reading in readings:
            request = judge_request(reading)
            if request.id not in self._kept:
                requests += 1
                tokens += len(request.prompt.text) // 4
        return Estimate(requests, tokens, requests * OUT)

    def errors(self) -> ErrorCounts | None:
        """None, but for a judge that was measured."""
        return error_counts(self.name)

    def close(self) -> None:
        """Frees the backend."""
        if self._backend is not None:
            self._backend.close()


def _cache_file(model: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", model)
    return cache_folder() / "judges" / f"{name}-{VERSION}.jsonl"


def stored_replies(path: Path) -> dict[str, str]:
    """Request id -> reply, of a file kept here or of the output of an OpenAI-style batch.

    Raises:
        InputError: a line that is neither.
    """
    found: dict[str, str] = {}
    if not path.exists():
        return found
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            if "reply" in row:
                reply = row["reply"]
            else:
                reply = row["response"]["body"]["choices"][0]["message"]["content"]
            found[str(row["custom_id"])] = str(reply)
        except (KeyError, IndexError, TypeError):
            raise InputError(
                f"{path}, line {number}: no reply of a judge and no batch output"
            ) from None
    return found


def batch_line(reading: Reading, model: str) -> dict[str, Any]:
    """The line of an OpenAI-style batch that asks for this annotation."""
    request = judge_request(reading)
    return {
        "custom_id": request.id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": model.partition(":")[2] or model,
            "messages": [message.model_dump() for message in request.prompt.messages],
            "temperature": 0,
            "max_tokens": MAX_TOKENS,
        },
    }


def judge_request(reading: Reading) -> Request:
    """The request to annotate one response, greedy; its id is the hash of what is asked."""
    listed = "\n".join(f"{shown.label}. {shown.text}" for shown in reading.shown)
    asked = (
        f"QUESTION:\n{reading.stem}\n\nOPTIONS:\n{listed}\n\n"
        f"RESPONSE, between the lines of equals signs:\n{'=' * 20}\n{reading.text}\n{'=' * 20}\n\n"
        "The JSON object:"
    )
    messages = (
        Message(role="system", content=INSTRUCTIONS),
        Message(role="user", content=asked),
    )
    text = f"{INSTRUCTIONS}\n\n{asked}\n"
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    prompt = Prompt(
        id=f"judge-{key}",
        question_id=reading.id,
        condition="judge",
        stem=reading.stem,
        shown=reading.shown,
        messages=messages,
        text=text,
    )
    return Request(id=key, prompt=prompt, sampling=Sampling(max_tokens=MAX_TOKENS))


def repair_request(request: Request, reply: str, why: str) -> Request:
    """The request to mend a reply that is no annotation."""
    prompt = request.prompt
    mend = REPAIR.format(why=why)
    messages = (
        *prompt.messages,
        Message(role="assistant", content=reply),
        Message(role="user", content=mend),
    )
    text = f"{prompt.text}{reply}\n\n{mend}\n"
    changed = prompt.model_copy(update={"messages": messages, "text": text})
    return Request(id=f"{request.id}-repair", prompt=changed, sampling=request.sampling)


def parse(reply: str, reading: Reading, name: str) -> Verdict | None:
    """The verdict that a reply holds; None unless it is exactly one complete annotation.

    The spans of options that are reasoned about are those that attribution gives them.
    """
    if fault_in(reply, reading):
        return None
    found = _object_in(reply)
    marked = attribute(reading.stem, reading.shown, reading.text)
    options = {}
    for shown, own in zip(reading.shown, marked.options, strict=True):
        treatment = treatment_of(found["options"][shown.label])
        if treatment.treatment != "none":
            treatment = treatment.model_copy(update={"spans": own.evidence})
        options[shown.label] = treatment
    return verdict(reading, options, found["answer"], found["outcome"], found["general"], name)


def _object_in(reply: str) -> Any:
    text = WRITTEN.sub("", reply, count=1) if reply.lstrip().startswith("<think") else reply
    fenced = _FENCE.match(text)
    return json.loads(fenced[1] if fenced else text)


def fault_in(reply: str, reading: Reading) -> str:
    """What keeps a reply from being one complete annotation, in words; empty for nothing."""
    try:
        found = _object_in(reply)
    except (ValueError, RecursionError):
        return "it is not one JSON object"
    if not isinstance(found, dict):
        return "it is not one JSON object"
    labels = [shown.label for shown in reading.shown]
    codes, answer, outcome = found.get("options"), found.get("answer", 0), found.get("outcome")
    if not isinstance(codes, dict) or set(codes) != set(labels):
        return f'"options" must have just these labels: {", ".join(labels)}'
    if not all(isinstance(code, str) and code in CODES for code in codes.values()):
        return f"every option needs one of the codes {', '.join(CODES)}"
    if not (answer is None or (isinstance(answer, str) and answer in (*labels, MULTI))):
        return '"answer" must be a label, "multi" or null'
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        return f'"outcome" must be one of {", ".join(OUTCOMES)}'
    if (outcome == "answered") != (answer is not None and answer != MULTI):
        return '"outcome" is "answered" just where "answer" is a label'
    if not isinstance(found.get("general"), bool):
        return '"general" must be true or false'
    return ""
