"""Services on real sockets that speak each dialect, and the bodies that they answer with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]


class Asked(NamedTuple):
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Service:
    """Where it is, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []


@contextmanager
def serving(answer: Callable[[Asked, int], Reply]) -> Iterator[Service]:
    """A server that answers each POST as `answer(asked, number from 1)` says.

    A body is an object, sent as JSON, or text, sent as server-sent events.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            is_json = raw.lstrip().startswith(b"{")
            asked = Asked(
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
                json.loads(raw) if is_json else {},
            )
            service.asked.append(asked)
            status, body, *more = answer(asked, len(service.asked))
            kind = "text/event-stream" if isinstance(body, str) else "application/json"
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            headers = {"content-type": kind, "content-length": str(len(content))}
            for name, value in {**headers, **(more[0] if more else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *said: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service = Service(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def whole(dialect: str, text: str, reasoning: str | None = None) -> dict[str, Any]:
    """An answer in this dialect, its thinking apart where there is some."""
    if dialect == "openai":
        message = {"role": "assistant", "content": text, "reasoning_content": reasoning}
        return {
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 5},
        }
    if dialect == "responses":
        thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": reasoning}]}
        said = {"type": "message", "content": [{"type": "output_text", "text": text}]}
        return {
            "status": "completed",
            "output": [*([thought] if reasoning else []), said],
            "usage": {"input_tokens": 7, "output_tokens": 5},
        }
    if dialect == "anthropic":
        thought = {"type": "thinking", "thinking": reasoning}
        return {
            "content": [*([thought] if reasoning else []), {"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 7, "output_tokens": 5},
        }
    if dialect == "ollama":
        return {
            "message": {"content": text, "thinking": reasoning},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 7,
            "eval_count": 5,
        }
    if dialect == "gemini":
        thought = {"text": reasoning, "thought": True}
        parts = [*([thought] if reasoning else []), {"text": text}]
        return {
            "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 5},
        }
    thought = {"reasoningContent": {"reasoningText": {"text": reasoning}}}
    content = [*([thought] if reasoning else []), {"text": text}]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 7, "outputTokens": 5},
    }


def streamed(dialect: str, text: str, reasoning: str) -> str:
    """The same answer in pieces, each text cut in two."""
    half, part = len(text) // 2, len(reasoning) // 2
    thoughts, texts = (reasoning[:part], reasoning[part:]), (text[:half], text[half:])
    events: list[dict[str, Any]]
    if dialect == "openai":
        deltas = [{"reasoning_content": one} for one in thoughts]
        deltas += [{"content": one} for one in texts]
        events = [{"choices": [{"delta": delta}]} for delta in deltas]
        events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 7, "completion_tokens": 5}
        return sse([*events, {"choices": [], "usage": usage}]) + "data: [DONE]\n\n"
    if dialect == "responses":
        done = {"type": "response.completed", "response": whole(dialect, text, reasoning)}
        return sse([{"type": "response.output_text.delta", "delta": texts[0]}, done])
    if dialect == "anthropic":
        events = [{"type": "message_start", "message": {"usage": {"input_tokens": 7}}}]
        for index, (key, pieces) in enumerate((("thinking", thoughts), ("text", texts))):
            block = {"type": key, key: ""}
            events.append({"type": "content_block_start", "index": index, "content_block": block})
            for piece in pieces:
                delta = {"type": f"{key}_delta", key: piece}
                events.append({"type": "content_block_delta", "index": index, "delta": delta})
        ended = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
        return sse([*events, {"type": "message_delta", **ended}, {"type": "message_stop"}])
    if dialect == "ollama":
        events = [{"message": {"thinking": one}, "done": False} for one in thoughts]
        events += [{"message": {"content": one}, "done": False} for one in texts]
        last = whole(dialect, "", None)
        return "".join(json.dumps(event) + "\n" for event in [*events, last])
    events = [
        {"candidates": [{"content": {"parts": [{"text": one, "thought": True}]}}]}
        for one in thoughts
    ]
    events += [{"candidates": [{"content": {"parts": [{"text": one}]}}]} for one in texts]
    end = {"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}]}
    return sse([*events, end | {"usageMetadata": whole(dialect, "")["usageMetadata"]}])


def sse(events: list[dict[str, Any]]) -> str:
    """Server-sent events."""
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)
