"""How a backend is to run: what is no part of the sampling and cannot change what is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from starprobe.probes.errors import InputError
from starprobe.probes.schema import Record


class BackendOptions(Record):
    """Settings of a backend; each uses those that mean something to it."""

    batch_size: int = 16
    """Prompts generated together by a local model."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto: float32 on a CPU, bfloat16 on a GPU."""
    device: str = "auto"
    """auto: the first GPU, else the CPU."""
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
    max_model_len: int = 2048
    """Context of a vLLM engine, in tokens."""
    tensor_parallel: int = 1
    """GPUs that share one vLLM model."""
    gpu_memory: float = 0.9
    """Share of a GPU's memory that a vLLM engine takes."""
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
