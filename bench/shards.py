"""Work cut into parts for several machines: whose part is what, and the parts made whole again.

A part is a run folder (of `run --shard`) or a file of verdicts (of `classify --shard`) beside a
manifest, which is written when the part is whole. A part that was killed goes on by its own
command; nothing is shared while the parts are made. On a Ray cluster the parts of a file are a
batch map of Ray Data, an actor a core or a GPU: Ray hands out their numbers, no texts travel.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from starprobe.bench.files import Appender, read_jsonl, write_json
from starprobe.bench.run_folder import Run
from starprobe.probes.errors import FolderError, InputError, MissingError, UserError
from starprobe.probes.schema import Record

if TYPE_CHECKING:
    import numpy as np

    from starprobe.bench.readers import Reader

Item = TypeVar("Item")
BLOCK = 1 << 20
ON_RAY = 64 << 20
"""Bytes of a part on a cluster, where that makes enough of them for all actors."""


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


def read_on_ray(
    read_part: Callable[[Path, Path, Shard, Reader], int],
    source: Path,
    out: Path,
    reader: str,
    actors: int = 0,
    tick: Callable[[int], None] | None = None,
) -> int:
    """Has every line of a file read on a Ray cluster; gives the number of verdicts in `out`.

    `out` is what one process would write, to the byte. Its parts stand in a folder beside it until
    all are whole; after a kill the same call goes on with them. The cluster is that of RAY_ADDRESS;
    without one it is this machine.

    Args:
        read_part: `classify_part`.
        source: as `classify_file` reads it, where all machines see it.
        out: JSONL of verdicts, in labels.
        reader: a reader's name; not a judge, which waits for its server and not for a core.
        actors: how many read; 0 is one a GPU for a reader that uses one, else one a core.
        tick: is told how many verdicts are there after each part.

    Raises:
        MissingError: Ray is not installed.
        InputError: a line that cannot be read, or a reader that is a judge or not there.
        FolderError: `out` is there, or a part holds something else.
    """
    from starprobe.bench.readers import load_reader

    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
    except ImportError:
        raise MissingError("--ray needs Ray: pip install 'starprobe[ray]'") from None
    if "judge:" in reader:
        raise InputError(f"--ray has cores and GPUs read, and {reader!r} asks a server; leave it")
    if out.exists():
        raise FolderError(f"{out} is there already; name another -o")
    if not source.is_file():
        raise InputError(f"{source}: no such file")
    on_gpu = not load_reader(reader).parallel
    ray.init(ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    DataContext.get_current().enable_progress_bars = False
    there = ray.cluster_resources()
    gpus = int(there.get("GPU", 0)) if on_gpu else 0
    folder = out.with_name(f"{out.name}.parts").resolve()
    least = actors or gpus or max(1, int(there.get("CPU", 1)))
    of = _begun(folder) or max(4 * least, source.stat().st_size // ON_RAY)
    done = 0
    # Not `range`, whose reading tasks want a core beside the actors.
    parts = ray.data.from_items([{"part": n} for n in range(1, of + 1)], override_num_blocks=of)
    found = parts.map_batches(
        _Part,
        fn_constructor_args=(read_part, source.resolve(), folder, reader, of),
        batch_size=1,
        compute=ActorPoolStrategy(size=min(of, least)),
        num_cpus=1,
        num_gpus=1 if gpus else 0,
    )
    for row in found.iter_rows():
        if row["failed"]:
            raise InputError(row["failed"])
        done += int(row["verdicts"])
        if tick is not None:
            tick(done)
    merge(folder, out)
    shutil.rmtree(folder)
    return done


def _begun(folder: Path) -> int:
    """Into how many parts the file was cut before; 0 where it was not."""
    names = (re.fullmatch(r"shard-\d+-of-(\d+)\.jsonl", path.name) for path in folder.glob("*"))
    return next((int(name[1]) for name in names if name is not None), 0)


class _Part:
    """An actor: a reader, loaded once, that reads parts by their numbers."""

    def __init__(
        self,
        read_part: Callable[[Path, Path, Shard, Reader], int],
        source: Path,
        folder: Path,
        reader: str,
        of: int,
    ) -> None:
        from starprobe.bench.readers import load_reader

        self._read_part, self._source, self._folder, self._of = read_part, source, folder, of
        self._reader = load_reader(reader)

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
        verdicts, failed = [], []
        for number in batch["part"]:
            shard, count, said = Shard(int(number), self._of), 0, ""
            try:
                count = self._read_part(self._source, self._folder, shard, self._reader)
            except UserError as error:
                said = str(error)
            verdicts.append(count)
            failed.append(said)
        return {"verdicts": verdicts, "failed": failed}
