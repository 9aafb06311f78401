"""How fast responses come in: servers, vLLM and transformers against the bare thing, in one run.

    python benchmarks/throughput.py http            1,000 prompts, a server with 200 ms latency
    python benchmarks/throughput.py vllm            `vllm:` against a bare LLM.generate
    python benchmarks/throughput.py hf              `hf:` against lm-eval's hf model
    python benchmarks/throughput.py run             a whole run: two servers with faults, a kill
    python benchmarks/throughput.py http vllm hf    several of them

Prints one line a measurement. Local figures depend on what else the machine does: each pair is
measured in turn, several times, and the ratio of the medians is what counts.
"""

from __future__ import annotations

import asyncio
import json
import math
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from starprobe.bench.models import Backend, BackendOptions, Request, load_backend
from starprobe.bench.records import Sampling
from starprobe.probes.rendering import render_set
from starprobe.probes.sets import load_probe_set

PROMPTS, CONCURRENCY, LATENCY_S = 1000, 64, 0.2
LOCAL_PROMPTS, LOCAL_TOKENS, LOCAL_ROUNDS = 48, 64, 3
VLLM_TOKENS, VLLM_ROUNDS = 128, 5
"""More of both: its rates scatter by 15 %, and its first seconds are its slowest."""
MODEL = "smollm2"


def requests(count: int, max_tokens: int = 64) -> list[Request]:
    """So many requests, of real questions."""
    prompts = render_set(load_probe_set("everyday"), ["plain"], 5)
    sampling = Sampling(max_tokens=max_tokens)
    return [
        Request(id=str(n), prompt=prompts[n % len(prompts)], sampling=sampling)
        for n in range(count)
    ]


def measure_http() -> None:
    """Wall-clock time of 1,000 prompts over the ideal: whole waves of the latency."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs, LATENCY_S), daemon=True)
    process.start()
    port = mine.recv()
    ideal = math.ceil(PROMPTS / CONCURRENCY) * LATENCY_S
    backend = load_backend(
        f"openai:m@http://127.0.0.1:{port}/v1", BackendOptions(concurrency=CONCURRENCY)
    )
    asked = requests(PROMPTS)
    list(backend.generate(asked[:CONCURRENCY]))
    ratios = []
    for _ in range(5):
        start = time.perf_counter()
        rows = list(backend.generate(asked))
        elapsed = time.perf_counter() - start
        assert len(rows) == PROMPTS and all(row.error is None for _, row in rows)
        ratios.append(elapsed / ideal)
    backend.close()
    process.terminate()
    print(
        f"http: {PROMPTS} prompts, concurrency {CONCURRENCY}, latency {LATENCY_S * 1000:.0f} ms: "
        f"{statistics.median(ratios):.3f} x the ideal {ideal:.2f} s "
        f"(five runs: {', '.join(f'{ratio:.3f}' for ratio in ratios)})"
    )


def measure_vllm() -> None:
    """Tokens a second of `vllm:` over those of a bare `LLM.generate` on the same prompts."""
    asked = requests(LOCAL_PROMPTS, VLLM_TOKENS)
    ways = {
        "bare": lambda: _in_process(_bare_vllm, asked),
        "ours": lambda: _rate_of_backend(f"vllm:{MODEL}", asked),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(VLLM_ROUNDS):
        # Each goes first in turn: the machine's speed drifts.
        for name in sorted(ways, reverse=turn % 2 == 1):
            rates[name].append(ways[name]())
    _print_rates("vllm", "LLM.generate", rates)


def measure_hf() -> None:
    """Tokens a second of `hf:` over those of lm-eval's `hf` model on the same prompts."""
    asked = requests(LOCAL_PROMPTS, LOCAL_TOKENS)
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(LOCAL_ROUNDS):
        rates["ours"].append(_in_process(_ours_hf, asked))
        rates["bare"].append(_in_process(_lm_eval_hf, asked))
    _print_rates("hf", "lm-eval's hf", rates)


def measure_run() -> None:
    """A run of STARPROBE_PROMPTS prompts (100,000) at two faulty servers, killed half-way.

    Of 100 requests two are turned away (503, 429) and one is broken off. The ideal is whole waves
    of the latency, whatever the faults.
    """
    count, latency_s, at_once = int(os.environ.get("STARPROBE_PROMPTS", "100000")), 0.2, 32
    servers = []
    for _ in range(2):
        mine, theirs = multiprocessing.Pipe()
        process = multiprocessing.Process(target=_serve, args=(theirs, latency_s, 100), daemon=True)
        process.start()
        servers.append(f"http://127.0.0.1:{mine.recv()}/v1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = [{"label": "A", "text": "yes"}, {"label": "B", "text": "no"}]
        with (folder / "q.jsonl").open("w") as file:
            for n in range(count):
                row = {"id": f"q{n}", "question": f"Is {n} even?", "options": options}
                file.write(json.dumps(row) + "\n")
        code = (
            "import sys; from starprobe.bench.ask import RunConfig, run; "
            "from starprobe.bench.models import BackendOptions; "
            "run(RunConfig(models=(sys.argv[1],), probes=(sys.argv[2],), "
            f"options=BackendOptions(concurrency={at_once}, max_wait_s=1)), sys.argv[3])"
        )
        model, out = f"openai:m@{','.join(servers)}", folder / "run"
        command = [sys.executable, "-c", code, model, str(folder / "q.jsonl"), str(out)]
        ideal = count * latency_s / (at_once * len(servers))
        there = out / "responses.jsonl"
        first = _until(command, there, lambda lines: lines >= count // 2, kill=True)
        kept = _lines(there)
        second = _until(command, there, lambda lines: False)
        ids = [json.loads(line)["prompt_id"] for line in there.read_bytes().splitlines()]
        errors = sum(b'"error": null' not in line for line in there.read_bytes().splitlines())
    asked = first.asking + second.asking
    print(
        f"run: {count:,} prompts, two servers, {at_once} at once each, {latency_s * 1000:.0f} ms, "
        f"3 of 100 requests fail: {asked:.1f} s of asking, {asked / ideal:.2f} x the ideal "
        f"{ideal:.1f} s; first response after {first.first:.1f} s, after the kill at {kept:,} "
        f"after {second.first:.1f} s; {1e3 * (first.cpu + second.cpu) / count:.2f} ms of a core a "
        f"prompt; peak memory {first.memory:,.0f} MB, after the kill {second.memory:,.0f}; "
        f"{len(set(ids)):,} prompts answered, {len(ids) - len(set(ids))} twice, {errors} failed"
    )


class Part(NamedTuple):
    """One process of a run."""

    first: float
    """Seconds until it wrote its first response."""
    asking: float
    """Seconds from there to its end."""
    cpu: float
    """Seconds of a core."""
    memory: float
    """Peak, MB."""


def _until(
    command: list[str], there: Path, over: Callable[[int], bool], kill: bool = False
) -> Part:
    """Runs a command to its end, or kills it when so many lines are there."""
    before, start, first = _lines(there), time.perf_counter(), 0.0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        lines = _lines(there)
        if not first and lines > before:
            first = time.perf_counter() - start
        if pid:
            break
        if kill and over(lines):
            process.kill()
        time.sleep(0.25)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert kill or process.returncode == 0, process.returncode
    seconds = time.perf_counter() - start - first
    return Part(first, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _lines(path: Path) -> int:
    """About how many: all lines are about as long as the first."""
    if not path.exists() or not path.stat().st_size:
        return 0
    with path.open("rb") as file:
        return path.stat().st_size // max(1, len(file.readline()))


def _print_rates(name: str, other: str, rates: dict[str, list[float]]) -> None:
    ours, bare = (statistics.median(rates[key]) for key in ("ours", "bare"))
    print(
        f"{name}: {ours:.0f} tokens/s, {other} {bare:.0f}: ratio {ours / bare:.3f} "
        f"(ours {', '.join(f'{rate:.0f}' for rate in rates['ours'])}; "
        f"bare {', '.join(f'{rate:.0f}' for rate in rates['bare'])})"
    )


def _rate_of_backend(name: str, asked: list[Request]) -> float:
    backend = load_backend(name)
    try:
        list(backend.generate(asked[:2]))
        return _rate(backend, asked)
    finally:
        backend.close()


def _rate(backend: Backend, asked: list[Request]) -> float:
    start = time.perf_counter()
    rows = [row for _, row in backend.generate(asked)]
    elapsed = time.perf_counter() - start
    assert all(row.error is None for row in rows)
    return sum(row.usage.completion_tokens or 0 for row in rows if row.usage) / elapsed


def _in_process(measure: Callable[[list[Request]], float], asked: list[Request]) -> float:
    """What a measurement gives in a fresh process, so that none warms the other's caches."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(measure, (asked,))


def _ours_hf(asked: list[Request]) -> float:
    return _rate_of_backend(f"hf:{MODEL}", asked)


def _lm_eval_hf(asked: list[Request]) -> float:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from starprobe.bench.models.local import embedded_folder

    model = HFLM(
        pretrained=str(embedded_folder(MODEL)), device="cpu", dtype="float32", batch_size=16
    )

    def instances(some: list[Request]) -> list[Instance]:
        return [
            Instance(
                "generate_until",
                {},
                (
                    model.apply_chat_template([turn.model_dump() for turn in one.prompt.messages]),
                    {"until": [], "max_gen_toks": LOCAL_TOKENS, "do_sample": False},
                ),
                0,
            )
            for one in some
        ]

    model.generate_until(instances(asked[:2]), disable_tqdm=True)
    start = time.perf_counter()
    texts = model.generate_until(instances(asked), disable_tqdm=True)
    elapsed = time.perf_counter() - start
    # One more for the end of text, which ours counts neither.
    return sum(len(model.tok_encode(text, add_special_tokens=False)) for text in texts) / elapsed


def _bare_vllm(asked: list[Request]) -> float:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    from vllm import LLM, SamplingParams

    from starprobe.bench.models.local import embedded_folder

    engine = LLM(
        str(embedded_folder(MODEL)),
        max_model_len=2048,
        enforce_eager=True,
        generation_config="vllm",
    )
    tokenizer = engine.get_tokenizer()

    def texts(some: list[Request]) -> list[str]:
        return [
            tokenizer.apply_chat_template(
                [turn.model_dump() for turn in one.prompt.messages],
                tokenize=False,
                add_generation_prompt=True,
            )
            for one in some
        ]

    params = SamplingParams(temperature=0, max_tokens=VLLM_TOKENS)
    engine.generate(texts(asked[:2]), params, use_tqdm=False)
    start = time.perf_counter()
    outputs = engine.generate(texts(asked), params, use_tqdm=False)
    elapsed = time.perf_counter() - start
    return sum(len(output.outputs[0].token_ids) for output in outputs) / elapsed


def _serve(pipe: Connection, latency_s: float, faulty: int = 0) -> None:
    """Answers every POST after the latency; a process of its own, to share no interpreter.

    Of `faulty` requests one gets a 503, one a 429, and one connection is broken off.
    """
    body = json.dumps(
        {
            "choices": [{"index": 0, "message": {"content": "The answer is (A)."},
                         "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 6},
        }
    ).encode()  # fmt: skip
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    answer = head.encode() + b"\r\n" + body
    empty = "Content-Length: 0\r\nRetry-After: 0\r\n\r\n"
    faults = {n: f"HTTP/1.1 {n} X\r\n{empty}".encode() for n in (503, 429)}
    seen = 0

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        try:
            while True:
                said = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(said.split(b"content-length:")[1].split(b"\r\n")[0]))
                await asyncio.sleep(latency_s)
                seen += 1
                place = seen % faulty if faulty else 3
                if place == 2:
                    return writer.close()
                writer.write(answer if place > 1 else faults[503 if place else 429])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


MEASUREMENTS = {"http": measure_http, "vllm": measure_vllm, "hf": measure_hf, "run": measure_run}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or ["http"]:
        MEASUREMENTS[wanted]()
