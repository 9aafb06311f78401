"""A server on a real socket that misbehaves as it is told, by prompt and by try."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

Reply = Callable[[asyncio.StreamWriter, str], Any]
Script = Callable[[str, int], str]
"""(prompt, try, from 1) -> the name of what to do."""


def whole(text: str, finish: str = "stop") -> bytes:
    """An OpenAI chat answer."""
    return json.dumps(
        {
            "choices": [{"index": 0, "message": {"content": text}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 5},
        }
    ).encode()


def http(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    """A whole HTTP/1.1 response."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def http_date(seconds: float) -> str:
    """The moment so many seconds from now, as Retry-After writes it."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


class MisbehavingServer:
    """Answers every POST as `script(prompt, try)` says; GET gives a list of models."""

    def __init__(self, script: Script, latency_s: float = 0.0) -> None:
        self.script = script
        self.latency_s = latency_s
        self.tries: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = 0
        self.most_under_way = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """The base URL of its OpenAI dialect."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> MisbehavingServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.05))

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines[1:] if line)
                }
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                if lines[0].startswith("GET"):
                    writer.write(http(200, b'{"data": [{"id": "m"}]}'))
                    continue
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                try:
                    if not await self._answer(json.loads(raw), headers, writer):
                        return
                finally:
                    self.under_way -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, body: dict[str, Any], headers: dict[str, str], writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection lives on."""
        prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        self.tries[prompt] += 1
        self.bodies.append(body)
        self.headers.append(headers)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        what = self.script(prompt, self.tries[prompt])
        good = whole(f"answer to {prompt}")
        if what == "ok":
            writer.write(http(200, good))
        elif what == "429_seconds":
            writer.write(http(429, b'{"error": {"message": "slow down"}}', "Retry-After: 1"))
        elif what == "429_date":
            writer.write(http(429, b"{}", f"Retry-After: {http_date(2)}"))
        elif what.isdigit():
            writer.write(http(int(what), b'{"error": {"message": "no"}}'))
        elif what == "half_json":
            writer.write(http(200, good[: len(good) // 2]))
        elif what == "html":
            writer.write(http(200, b"<html>busy</html>", kind="text/html"))
        elif what == "plain_json":  # The right content under the wrong type.
            writer.write(http(200, good, kind="text/plain"))
        elif what == "empty_choices":
            writer.write(http(200, b'{"choices": []}'))
        elif what == "twice":
            writer.write(http(200, good + b"\n" + good))
        elif what == "reported":
            writer.write(http(200, b'{"error": {"code": 502, "message": "upstream"}}'))
        elif what == "stall":
            await asyncio.sleep(30)
        elif what == "drip":
            writer.write(f"HTTP/1.1 200 X\r\nContent-Length: {len(good)}\r\n\r\n".encode())
            for byte in good:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.05)
        elif what == "reset":
            writer.transport.abort()
            return False
        elif what == "cut_body":
            writer.write(f"HTTP/1.1 200 X\r\nContent-Length: {len(good)}\r\n\r\n".encode())
            writer.write(good[:20])
            return False
        elif what == "echo_key":
            writer.write(http(400, json.dumps({"error": str(headers)}).encode()))
        else:
            raise AssertionError(what)
        await writer.drain()
        return True
