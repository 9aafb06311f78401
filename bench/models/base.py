"""What a backend is: it turns requests into generations and knows nothing of runs or questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from starprobe.bench.records import Generation, ModelInfo, Sampling
from starprobe.probes.rendering import STOP
from starprobe.probes.schema import Prompt, Record


class Request(Record):
    """One thing to generate."""

    id: str
    prompt: Prompt
    sampling: Sampling
    """With the seed of this very request."""
    chat: bool | None = None
    """True: the messages; False: the text; None: whatever the model is made for."""


def plain_text(sampling: Sampling) -> Sampling:
    """The sampling of a model without a chat format: it also stops where it asks a new question.

    A base model goes on after its answer with a question of its own, and what it says of that one
    is no part of the answer.
    """
    stop = tuple(dict.fromkeys((*sampling.stop, *STOP)))
    return sampling.model_copy(update={"stop": stop})


class Backend(Protocol):
    """Turns requests into generations. A failed request is a generation with an error."""

    def info(self) -> ModelInfo:
        """Who answers: name, revision, endpoint, details."""

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """(request id, generation) pairs as they finish, in any order, each request once."""

    def close(self) -> None:
        """Free what is held (memory, connections, subprocesses). May be called twice."""


@runtime_checkable
class ScoringBackend(Backend, Protocol):
    """A backend that can also say how likely a continuation is."""

    def loglikelihoods(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Natural log-probability of each continuation (sum over its tokens) after its prefix.

        Args:
            pairs: (prefix, continuation) as plain text; a chat prefix is made with `render`.
        """

    def render(self, prompt: Prompt, chat: bool | None = None) -> str:
        """The exact string that the model sees for this prompt, special tokens included."""
