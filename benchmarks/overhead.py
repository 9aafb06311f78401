"""What our own code costs a response, with everything else taken away.

    python benchmarks/overhead.py

`backend`: gate, retry, dialect, key and cost handling of an HTTP backend whose server answers out
of memory. `runner`: ids, records, progress and the line in responses.jsonl, with a backend that
writes by rule.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

import starprobe.bench.models.http as http_backend
from starprobe.bench.ask import RunConfig, run
from starprobe.bench.models import BackendOptions, Request, load_backend
from starprobe.bench.records import Sampling
from starprobe.probes.rendering import render_set
from starprobe.probes.sets import load_probe_set

COUNT = 10_000
BODY = {
    "choices": [
        {"index": 0, "message": {"content": "The answer is (A). " * 20}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 50, "completion_tokens": 100},
}


def measure_backend() -> float:
    """Milliseconds a response in the HTTP backend, without network and HTTP."""

    async def post(*_: Any) -> tuple[dict[str, Any], float]:
        await asyncio.sleep(0)
        return BODY, 0.1

    prompts = render_set(load_probe_set("everyday"), ["plain"], 5)
    asked = [
        Request(id=str(n), prompt=prompts[n % len(prompts)], sampling=Sampling())
        for n in range(COUNT)
    ]
    backend = load_backend("openai:m@http://127.0.0.1:9/v1", BackendOptions(concurrency=64))
    http_backend.post = post
    start = time.process_time()
    rows = list(backend.generate(asked))
    elapsed = time.process_time() - start
    backend.close()
    assert len(rows) == COUNT and all(row.error is None for _, row in rows)
    return 1000 * elapsed / COUNT


def measure_runner() -> float:
    """Milliseconds a response from the rendered prompt to the line on the disk."""
    config = RunConfig(models=("scripted:direct",), orders=5, repeats=20)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        made = run(config, Path(folder) / "run", Console(file=io.StringIO()))
        elapsed = time.process_time() - start
        return 1000 * elapsed / len(made.responses())


def _print(name: str, measure: Callable[[], float]) -> None:
    print(f"{name}: {measure():.3f} ms of processor time a response")


if __name__ == "__main__":
    _print("backend", measure_backend)
    _print("runner", measure_runner)
