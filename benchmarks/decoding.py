"""What decoding on this machine gains by each thing that `hf:` does, in turn and in one run.

    python benchmarks/decoding.py shared     worked examples run once; slots; against `generate`
    python benchmarks/decoding.py dtype      float32 against bfloat16
    python benchmarks/decoding.py sampler    the nucleus among the likeliest against a whole sort
    python benchmarks/decoding.py memory     freed memory kept by the process, or handed back
    python benchmarks/decoding.py spin       how long threads spin at barriers

The prompts are the trainer's: number questions of three kinds behind worked examples of their kind.
Each line is the median of rounds that take turns, in processes of their own; seconds of processor
time stand beside seconds, since those hardly depend on what else the machine does.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time
from typing import NamedTuple

MODEL = "smollm2"
ROUNDS, QUESTIONS, BATCH = 3, 24, 16
SCORES, DRAWS = (16, 49_152), 20


class Way(NamedTuple):
    """One way of decoding."""

    name: str
    generate: bool = False
    """With transformers' own `generate`, batch by batch."""
    dtype: str = "float32"
    keep_memory: bool = True
    environment: tuple[tuple[str, str], ...] = ()


class Took(NamedTuple):
    """What it took."""

    tokens: int
    seconds: float
    processor: float


WAYS = {
    "shared": (Way("slots"), Way("generate", generate=True)),
    "dtype": (Way("float32"), Way("bfloat16", dtype="bfloat16")),
    "memory": (Way("kept"), Way("handed back", keep_memory=False)),
    "spin": (
        Way("brief (10000)", environment=(("GOMP_SPINCOUNT", "10000"),)),
        Way("long (OpenMP's default)", environment=(("OMP_WAIT_POLICY", ""),)),
        Way("none", environment=(("OMP_WAIT_POLICY", "passive"),)),
    ),
}


def decode(way: Way) -> Took:
    """Samples an answer to each question, in this process."""
    from starprobe.bench.models import BackendOptions, allocator, hf, load_backend
    from starprobe.star.config import make_config
    from starprobe.star.prompts import ask

    if not way.keep_memory:
        hf.keep_freed_memory = lambda: False
        assert allocator.keep_freed_memory is not hf.keep_freed_memory
    config = make_config(MODEL, f"numbers:train:n={QUESTIONS}", "demo")
    from starprobe.probes.loading import load_probe_set

    questions = load_probe_set(config.questions).questions
    asked = [ask(one, config, 1, index, "sampled")[1] for index, one in enumerate(questions)]
    backend = load_backend(f"hf:{MODEL}", BackendOptions(batch_size=BATCH, dtype=way.dtype))
    if way.generate:
        backend._decoder._slots = False  # type: ignore[attr-defined]
    start, before = time.perf_counter(), time.process_time()
    rows = [row for _, row in backend.generate(asked)]
    took = time.perf_counter() - start, time.process_time() - before
    assert all(row.error is None for row in rows)
    return Took(sum(row.usage.completion_tokens or 0 for row in rows if row.usage), *took)


def in_process(way: Way) -> Took:
    """`decode` in a fresh process with the way's environment, which OpenMP reads at its start."""
    kept = dict(os.environ)
    os.environ.update({key: value for key, value in way.environment if value})
    if ("OMP_WAIT_POLICY", "") in way.environment:
        # What bench.models.hf would set stays away: a policy that is OpenMP's own default.
        os.environ["GOMP_SPINCOUNT"] = "30000000000"
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(decode, (way,))
    finally:
        os.environ.clear()
        os.environ.update(kept)


def compare(what: str) -> None:
    """A line for each way; ratios to the first."""
    ways = WAYS[what]
    found: dict[str, list[Took]] = {way.name: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            found[way.name].append(in_process(way))
    first = 0.0
    for way in ways:
        rounds = found[way.name]
        rate = statistics.median(one.tokens / one.seconds for one in rounds)
        processor = statistics.median(1000 * one.processor / one.tokens for one in rounds)
        first = first or processor
        print(
            f"{what}: {way.name}: {rate:.0f} tokens/s, {processor:.1f} ms of processor time a "
            f"token ({processor / first:.2f} x the first)",
            flush=True,
        )


def compare_samplers() -> None:
    """Milliseconds a step of drawing from so many rows of scores."""
    import random

    import torch

    from starprobe.bench.models import row_sampling
    from starprobe.bench.records import Sampling

    torch.manual_seed(0)
    scores = 3 * torch.randn(SCORES)
    scores[:, :40] += 16  # A model is nearly sure: forty tokens hold the mass.
    sampling = Sampling(temperature=0.8, top_p=0.95)
    ways = {
        "nucleus among the likeliest": row_sampling.NUCLEUS,
        "whole vocabulary in order": SCORES[1],
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, row_sampling.NUCLEUS in ways.items():
            generators = [random.Random(seed) for seed in range(SCORES[0])]
            start = time.process_time()
            for _ in range(DRAWS):
                row_sampling.draw(scores, generators, sampling)
            took[name].append(1000 * (time.process_time() - start) / DRAWS)
    for name, times in took.items():
        print(f"sampler: {name}: {statistics.median(times):.1f} ms of processor time a step")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*WAYS, "sampler"]:
        compare_samplers() if wanted == "sampler" else compare(wanted)
