"""Work cut into parts for several machines: whose part is what, and the parts made whole again.

A part is a run folder (of `run --shard`) or a file of verdicts (of `classify --shard`) beside a
manifest, which is written when the part is whole. A part that was killed goes on by its own
command; nothing is shared while the parts are made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from starprobe.bench.files import Appender, read_jsonl, write_json
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import FolderError, InputError
from starprobe.probes.schema import Record

Item = TypeVar("Item")
BLOCK = 1 << 20


class Shard(NamedTuple):
    """One of several parts."""

    number: int
    """From 1."""
    of: int

    @property
    def name(self) -> str:
        """What its files are called: `shard-02-of-16`."""
        wide = len(str(self.of))
        return f"shard-{self.number:0{wide}d}-of-{self.of}"

    def share(self, items: Iterable[Item]) -> Iterator[Item]:
        """Its part of a list, dealt out one by one."""
        return (item for place, item in enumerate(items) if place % self.of == self.number - 1)

    def span(self, size: int) -> tuple[int, int]:
        """Its part of so many bytes, as [start, end): the lines that begin in it are its own."""
        return size * (self.number - 1) // self.of, size * self.number // self.of


class Manifest(Record):
    """What a whole part says of itself."""

    shard: int
    of: int
    source: str
    """What was cut into parts: a file's name and size, or the hash of the questions."""
    rows: int
    sha256: str


def parse_shard(said: str | None) -> Shard | None:
    """The part that `i/n` names; None for None.

    Raises:
        InputError: it does not name one.
    """
    if said is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", said)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"--shard {said}: write I/N with I from 1 to N, as in 3/8")
    return Shard(int(found[1]), int(found[2]))


def finish(part: Path, shard: Shard, source: str) -> Path:
    """Writes the manifest of a part that is whole; gives its file.

    Args:
        part: a run folder or a file of verdicts.
        shard: which part it is.
        source: what was cut into parts.
    """
    file = part / "responses.jsonl" if part.is_dir() else part
    rows, digest = _count(file)
    manifest = Manifest(shard=shard.number, of=shard.of, source=source, rows=rows, sha256=digest)
    path = part.parent / f"{shard.name}.json"
    write_json(path, manifest)
    return path


def merge(folder: Path | str, out: Path | str) -> int:
    """The parts in a folder as one file of verdicts, or one run folder; gives the rows.

    Raises:
        FolderError: a part is missing, not whole, or of something else; or `out` is there.
    """
    folder, out = Path(folder), Path(out)
    parts = _parts(folder)
    if out.exists():
        raise FolderError(f"{out} is there already; name another -o")
    if parts[0].is_dir():
        return _merge_runs(parts, out)
    partial = out.with_name(f".{out.name}.part")
    partial.unlink(missing_ok=True)
    count = 0
    with Appender(partial) as appender:
        for part in parts:
            for row in read_jsonl(part):
                appender.append([row])
                count += 1
    partial.replace(out)
    return count


def _merge_runs(parts: list[Path], out: Path) -> int:
    runs = [Run(part) for part in parts]
    readers = set.intersection(*(set(run.verdict_names()) for run in runs))
    whole = Run.create(out, runs[0].info, runs[0].prompts().values())
    count = 0
    for run in runs:
        whole.extend(run.info, run.prompts().values())
    with whole.response_writer() as writer:
        for run in runs:
            rows = list(run.responses().values())
            writer.append(rows)
            count += len(rows)
    for reader in sorted(readers):
        whole.write_verdicts(reader, (one for run in runs for one in run.verdicts(reader).values()))
    return count


def _parts(folder: Path) -> list[Path]:
    manifests: dict[int, Manifest] = {}
    for path in sorted(folder.glob("shard-*-of-*.json")):
        found = Manifest.model_validate_json(path.read_bytes())
        manifests[found.shard] = found
    if not manifests:
        raise FolderError(f"{folder} holds no whole part: make them with --shard 1/N to N/N")
    first = next(iter(manifests.values()))
    missing = [str(number) for number in range(1, first.of + 1) if number not in manifests]
    if missing or len(manifests) != first.of:
        raise FolderError(
            f"{folder}: of {first.of} parts these are not whole: {', '.join(missing)}; run their "
            f"commands again, they go on where they stopped"
        )
    parts = []
    for number, manifest in sorted(manifests.items()):
        name = Shard(number, manifest.of).name
        part = folder / name if (folder / name).is_dir() else folder / f"{name}.jsonl"
        file = part / "responses.jsonl" if part.is_dir() else part
        if (manifest.of, manifest.source) != (first.of, first.source):
            raise FolderError(f"{part} is a part of {manifest.source}, not of {first.source}")
        if not file.exists() or _count(file) != (manifest.rows, manifest.sha256):
            raise FolderError(f"{file} was changed since it was whole; run its command again")
        parts.append(part)
    return parts


def _count(file: Path) -> tuple[int, str]:
    """Lines and hash of a file."""
    digest, lines = hashlib.sha256(), 0
    if file.exists():
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
                lines += block.count(b"\n")
    return lines, digest.hexdigest()
