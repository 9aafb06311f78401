"""The labelling page: one HTML file that works offline and saves by download.

Under its policy no script but its own runs and nothing is fetched; all texts are data, put into the
page as text. The reader's verdicts are in the file and are shown only after the choice.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from starprobe.bench.annotations.labels import Shown, guideline
from starprobe.bench.annotations.machines import Matter
from starprobe.bench.files import write_atomic
from starprobe.bench.frames import key
from starprobe.bench.readers.base import code_of
from starprobe.bench.records import Verdict

_PART = re.compile(r"\{\{(\w+)\}\}")


def write_page(
    out: Path,
    sample: Sequence[Shown],
    verdict_of: Callable[[Shown], Verdict | None],
    name: str,
    command: str,
    matter: Matter | None = None,
) -> Path:
    """Writes the page; gives its path.

    Args:
        out: the file.
        sample: what to label, in this order.
        verdict_of: the reader's verdict in labels.
        name: of the annotator, for the name of the download.
        command: what takes the download in, without the file.
        matter: what another machine than the reader has said: one choice a response.

    Raises:
        FolderError: the file cannot be written.
    """
    rows = [one.row() | {"reader": _evidence(verdict_of(one))} for one in sample]
    digest = hashlib.sha256(" ".join(row["id"] for row in rows).encode()).hexdigest()[:12]
    if matter is not None:
        said = {case.id: case.said for case in matter.cases}
        for one, row in zip(sample, rows, strict=True):
            row["reader"] = {"said": said.get(key(one.id))}
        digest = f"{matter.name} {digest}"
    task = matter and {"asks": matter.asks, "choices": matter.keys}
    data = {
        "task": task,
        "key": f"starprobe {name} {digest}",
        "name": name,
        "command": command,
        "rows": rows,
    }
    folder = files(__package__)
    script, style = (
        folder.joinpath(part).read_text(encoding="utf-8") for part in ("page.js", "page.css")
    )
    parts = {
        "policy": policy(script, style),
        "style": style,
        "script": script,
        "data": _in_script(data),
        "guideline": escape(matter.asks if matter else guideline()),
        "count": str(len(rows)),
    }
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    write_atomic(out, _PART.sub(lambda found: parts[found[1]], page))
    return out


def policy(script: str, style: str) -> str:
    """A Content-Security-Policy under which only this script and this style count."""
    hashes = [
        f"'sha256-{b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
        for part in (script, style)
    ]
    return (
        f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; base-uri 'none'; "
        f"form-action 'none'"
    )


def _evidence(verdict: Verdict | None) -> dict[str, Any] | None:
    """Codes, answer and the words that show them."""
    if verdict is None:
        return None
    return {
        "options": {label: code_of(one) for label, one in verdict.options.items()},
        "answer": verdict.answer,
        "spans": {label: [list(s) for s in one.spans] for label, one in verdict.options.items()},
    }


def _in_script(data: Any) -> str:
    """JSON that cannot end its script element, ASCII alone: lone surrogates survive as escapes."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
