"""Requests for the tests of backends."""

from __future__ import annotations

from starprobe.bench.models.backend import BackendOptions, Request
from starprobe.bench.records import Sampling
from starprobe.probes.schema import Message, Prompt

QUICK = BackendOptions(concurrency=64, timeout_s=1.0, retries=12, max_wait_s=0.02)
"""Options that keep a test's waits short."""


def request(
    text: str = "hello", *, system: str = "", chat: bool | None = None, **sampling: object
) -> Request:
    """A request whose id and prompt are its text."""
    messages = [Message(role="user", content=text)]
    if system:
        messages.insert(0, Message(role="system", content=system))
    prompt = Prompt(
        id=text,
        question_id="q",
        condition="plain",
        stem=text,
        shown=(),
        messages=tuple(messages),
        text=text,
    )
    return Request(id=text, prompt=prompt, sampling=Sampling.model_validate(sampling), chat=chat)
