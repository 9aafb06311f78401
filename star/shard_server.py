"""A sampling worker's side: one loaded model that answers rows, in a process or a Ray actor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from starprobe.bench.line_process import heard, speaker
from starprobe.bench.models import BackendOptions, Request, ScoringBackend, load_backend
from starprobe.probes.errors import UserError
from starprobe.probes.schema import Prompt


class Server:
    """A backend behind rows."""

    def __init__(self, model: str, options: Mapping[str, Any]) -> None:
        self.backend = load_backend(model, BackendOptions.model_validate(options))

    def ready(self) -> dict[str, Any]:
        """Who answers, and whether it can score."""
        info = self.backend.info().model_dump(mode="json")
        return {"ready": info, "scores": isinstance(self.backend, ScoringBackend)}

    def answer(self, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows that answer one; the last is `done`."""
        backend: Any = self.backend
        if "requests" in row:
            requests = [Request.model_validate(one) for one in row["requests"]]
            for name, generation in backend.generate(requests):
                yield {"id": name, "generation": generation.model_dump(mode="json")}
        elif "pairs" in row:
            pairs = [(left, right) for left, right in row["pairs"]]
            yield {"values": backend.loglikelihoods(pairs), "part": row["part"]}
        else:
            prompt = Prompt.model_validate(row["render"])
            yield {"text": backend.render(prompt, row["chat"])}
        yield {"done": True}


def main() -> None:
    """Serves until its input ends."""
    send, rows = speaker(), heard()
    first = next(rows)
    try:
        server = Server(first["model"], first["options"])
    except UserError as error:
        send({"error": str(error), "kind": type(error).__name__})
        raise SystemExit(1) from error
    send(server.ready())
    for row in rows:
        for answer in server.answer(row):
            send(answer)


if __name__ == "__main__":
    main()
