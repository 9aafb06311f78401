"""What a backend is, which turns requests into generations; and the simplest of them, `scripted:`.

A backend knows nothing of runs or questions. The scripted one is a deterministic fake that is part
of the product: for tests, examples and dry runs. Its names: `option_by_option`, `chosen_only`,
`direct`, `refusing`, `empty`, `echo`, or a JSON file that maps prompt ids (or question ids, or `*`)
to texts; a list of texts is one a repeat, in turn.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import BeforeValidator, Field, InstanceOf, ValidationError

from starprobe.bench.models.thinking import split_generation
from starprobe.bench.records import Generation, ModelInfo, Sampling, Usage
from starprobe.probes.errors import InputError
from starprobe.probes.rendering import STOP
from starprobe.probes.schema import Message, Prompt, Record, ShownOption


class BackendOptions(Record):
    """How a backend is to run; each uses the settings that mean something to it."""

    batch_size: int = 16
    """Prompts generated together by a local model."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: float32 for transformers on a CPU, else what the engine takes by itself."""
    device: str = "auto"
    """auto: the first GPU, else the CPU."""
    workers: int = Field(1, ge=1)
    """Processes that share the requests to a local model; with GPUs, each has its own."""
    cache_dir: Path | None = None
    """Where converted models are kept; by default `~/.cache/starprobe` (or STARPROBE_CACHE)."""
    trust_remote_code: bool = False
    """Run code that comes with a model. Never on by default."""
    system: str | None = None
    """A system prompt put before the messages."""
    concurrency: int = 16
    """Requests under way at once, at most, to a server."""
    timeout_s: float = 120.0
    """For one try of one request."""
    retries: int = 6
    """Tries after the first, on passing faults."""
    max_wait_s: float = 60.0
    """Longest single wait between two tries, whatever Retry-After asks for."""
    reasoning: str | None = None
    """`off`, `low`, `medium`, `high` or a number of tokens, where one can ask for thinking."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request to a server, beside the service's own."""
    body: dict[str, Any] = Field(default_factory=dict)
    """Merged into the body of every request to a server; null takes a field out."""
    price: tuple[float, float] | None = None
    """US dollars a million tokens in and out, for a service whose price is not known."""
    max_model_len: int = 4096
    """Context of a vLLM engine in tokens, or the model's own where that is less."""
    tensor_parallel: int = 1
    """GPUs that share one vLLM model."""
    gpu_memory: float = 0.9
    """Share of a GPU's memory that a vLLM engine takes."""
    engine: dict[str, Any] = Field(default_factory=dict)
    """Options of a vLLM engine by its own names, over those here."""
    base_model: str | None = None
    """Base of an adapter folder, where its own config does not name a reachable one."""


def make_options(**settings: Any) -> BackendOptions:
    """The options of these settings.

    Raises:
        InputError: a value that does not fit.
    """
    try:
        return BackendOptions(**settings)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        name = "--" + str(detail["loc"][0]).replace("_", "-")
        raise InputError(f"{name}: {detail['msg']} (got {detail['input']!r})") from None


def headers_of(said: Sequence[str]) -> dict[str, str]:
    """`--header NAME:VALUE` as headers.

    Raises:
        InputError: one without a colon or a name.
    """
    found = {}
    for one in said:
        name, colon, value = one.partition(":")
        if not colon or not name.strip():
            raise InputError(f"--header {one!r}: write NAME:VALUE")
        found[name.strip().lower()] = value.strip()
    return found


def body_of(said: Sequence[str]) -> dict[str, Any]:
    """`--body KEY=JSON` as fields of a body.

    Raises:
        InputError: one without a key, or whose value is no JSON.
    """
    found = {}
    for one in said:
        key, equals, value = one.partition("=")
        try:
            found[key.strip()] = json.loads(value)
        except ValueError:
            equals = ""
        if not equals or not key.strip():
            raise InputError(f"--body {one!r}: write KEY=JSON, for example 'top_k=40'")
    return found


def price_of(said: str) -> tuple[float, float]:
    """`--price IN,OUT` as dollars a million tokens.

    Raises:
        InputError: anything but two numbers, none of them negative.
    """
    try:
        price_in, price_out = (float(part) for part in said.split(","))
    except ValueError:
        price_in = price_out = -1.0
    if not (0 <= price_in < inf and 0 <= price_out < inf):
        raise InputError(f"--price {said!r}: write IN,OUT in dollars a million tokens, as 0.5,1.5")
    return price_in, price_out


class Request(Record):
    """One thing to generate."""

    id: str
    prompt: Prompt
    sampling: Sampling
    """With the seed of this very request."""
    chat: bool | None = None
    """True: the messages; False: the text; None: whatever the model is made for."""


@runtime_checkable
class Backend(Protocol):
    """Turns requests into generations. A failed request is a generation with an error."""

    def info(self) -> ModelInfo:
        """Who answers: name, revision, endpoint, details."""

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """(request id, generation) pairs as they finish, in any order, each request once.

        The text is what the model wrote, thinking included; only what a service keeps apart
        arrives apart. Callers use the function `generate` of this module, which tells the two.
        """

    def close(self) -> None:
        """Free what is held (memory, connections, subprocesses). May be called twice."""


def _several(value: object) -> object:
    return (value,) if isinstance(value, str | Backend) else value


Models = Annotated[tuple[str | InstanceOf[Backend], ...], BeforeValidator(_several)]
"""Models of a configuration: names as the command takes them, or backends."""


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


def generate(
    backend: Backend, requests: Sequence[Request]
) -> Generator[tuple[str, Generation], None, None]:
    """What a backend gives, with thinking told from the answer: the one way to ask a backend.

    Closing the generator gives up what is under way.
    """
    if not requests:
        return
    with closing(_generator(backend, requests)) as generations:
        for name, generation in generations:
            yield name, split_generation(generation)


def _generator(
    backend: Backend, requests: Sequence[Request]
) -> Generator[tuple[str, Generation], None, None]:
    yield from backend.generate(requests)


def turns(prompt: Prompt, system: str | None, chat: bool | None = None) -> list[Message]:
    """The messages to send: the system prompt, then the prompt's own.

    Args:
        prompt: what is asked.
        system: put first, where there is one.
        chat: False takes the prompt's plain text as the one user turn.
    """
    messages = list(prompt.messages)
    if chat is False:
        messages = [Message(role="user", content=prompt.text)]
    return [Message(role="system", content=system), *messages] if system else messages


def merged_system(messages: Sequence[Message]) -> list[Message]:
    """The messages for a template without a system role: its text heads the first user turn."""
    system = "\n\n".join(turn.content for turn in messages if turn.role == "system")
    rest = [turn for turn in messages if turn.role != "system"]
    if system and rest:
        merged = f"{system}\n\n{rest[0].content}"
        rest[0] = rest[0].model_copy(update={"content": merged})
    return rest


def plain_text(sampling: Sampling) -> Sampling:
    """The sampling of a model without a chat format: it also stops where it asks a new question.

    A base model goes on after its answer with a question of its own, and what it says of that one
    is no part of the answer.
    """
    stop = tuple(dict.fromkeys((*sampling.stop, *STOP)))
    return sampling.model_copy(update={"stop": stop})


def sent_sampling(sampling: Sampling) -> dict[str, Any]:
    """What a local engine is given of a request's sampling, for the record of the run."""
    sent: dict[str, Any] = {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens}
    if sampling.temperature > 0:
        sent |= {"top_p": sampling.top_p, "seed": "one a response"}
    if sampling.stop:
        sent["stop"] = list(sampling.stop)
    return sent


Writer = Callable[[Prompt, int], str]


def make(name: str, url: str | None, options: BackendOptions) -> ScriptedBackend:
    """The fake of this name.

    Raises:
        InputError: no such behaviour and no such file.
    """
    if name in WRITERS:
        return ScriptedBackend(name, WRITERS[name])
    path = Path(name)
    if path.is_file():
        return ScriptedBackend(name, _from_file(path))
    raise InputError(
        f"scripted:{name} is unknown; take one of {', '.join(WRITERS)}, or a JSON file of texts"
    )


class ScriptedBackend:
    """Writes each response by a rule of the prompt and the seed alone."""

    def __init__(self, name: str, write: Writer) -> None:
        self.name = f"scripted:{name}"
        self._write = write

    def info(self) -> ModelInfo:
        """Its name; the revision is the version of the rules."""
        return ModelInfo(name=self.name, revision="1")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[str, Generation]]:
        """One generation a request, in order."""
        for request in requests:
            text = self._write(request.prompt, request.sampling.seed)
            words = len(text.split())
            usage = Usage(prompt_tokens=len(request.prompt.text.split()), completion_tokens=words)
            yield (
                request.id,
                Generation(text=text, finish_reason="stop", usage=usage, latency_s=0.0),
            )

    def close(self) -> None:
        """Holds nothing."""


def _chosen(prompt: Prompt, seed: int) -> ShownOption | None:
    """The hinted option, else one drawn by the seed and the question."""
    if not prompt.shown:
        return None
    for shown in prompt.shown:
        if shown.option_id == prompt.hinted_id:
            return shown
    return random.Random(f"{seed}|{prompt.question_id}").choice(prompt.shown)


def _option_by_option(prompt: Prompt, seed: int) -> str:
    chosen = _chosen(prompt, seed)
    if chosen is None:
        return "There is nothing to choose from."
    lines = []
    for shown in prompt.shown:
        if shown is chosen:
            lines.append(f"({shown.label}) {shown.text}: this fits because it meets the need.")
        else:
            lines.append(
                f"({shown.label}) {shown.text}: this does not fit because it lacks what is needed."
            )
    return "\n".join([*lines, f"The answer is ({chosen.label})."])


def _chosen_only(prompt: Prompt, seed: int) -> str:
    chosen = _chosen(prompt, seed)
    if chosen is None:
        return "There is nothing to choose from."
    return f"The answer is ({chosen.label}) {chosen.text}, because it is made for this purpose."


def _direct(prompt: Prompt, seed: int) -> str:
    chosen = _chosen(prompt, seed)
    return f"({chosen.label})" if chosen else "I have nothing to choose from."


WRITERS: dict[str, Writer] = {
    "option_by_option": _option_by_option,
    "chosen_only": _chosen_only,
    "direct": _direct,
    "refusing": lambda prompt, seed: "I'm sorry, but I can't help with that.",
    "empty": lambda prompt, seed: "",
    "echo": lambda prompt, seed: prompt.text,
}


def _from_file(path: Path) -> Writer:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no JSON file of texts: {error}") from None
    if not isinstance(table, dict):
        raise InputError(f"{path} must hold an object: prompt id, question id or * -> text")

    def write(prompt: Prompt, seed: int) -> str:
        found = table.get(prompt.id, table.get(prompt.question_id, table.get("*", "")))
        if isinstance(found, list):
            return str(found[seed % len(found)]) if found else ""
        return str(found)

    return write
