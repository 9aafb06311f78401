"""One writer at a time in a run folder."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from starprobe.probes.errors import FolderError


def may_write(path: Path) -> bool:
    """Whether a folder is a run, empty or not there yet."""
    if not path.exists():
        return True
    return path.is_dir() and ((path / "run.json").is_file() or not any(path.iterdir()))


class only_writer:
    """A block in which this process alone writes to a run folder.

    Raises:
        FolderError: another process is writing to it now.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = FileLock(path / ".lock", timeout=0)

    def __enter__(self) -> None:
        """Takes the lock."""
        try:
            self._lock.acquire()
        except Timeout:
            raise FolderError(
                f"another process is writing to {self._path}; wait for it, or name another --out"
            ) from None

    def __exit__(self, *_: object) -> None:
        """Gives it back."""
        self._lock.release()
