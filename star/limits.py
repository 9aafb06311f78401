"""A full disk, a folder that cannot be written, too little memory: told in one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starprobe.probes.errors import FolderError, MissingError, UserError

ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
SAYINGS = (
    "No space left", "os error 28", "File too large", "os error 27",
    "PytorchStreamWriter", "inline_container.cc", "iostream error",
)  # fmt: skip
"""What safetensors and torch say in errors of their own."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A block that writes below a path.

    Raises:
        FolderError: the disk is full or the folder cannot be written.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not of_the_disk(error):
            raise
        said = error.strerror if isinstance(error, OSError) else None
        raise FolderError(
            f"cannot write {path} ({said or 'the disk is full'}); free some space and run the same "
            f"command again: it goes on where it stopped"
        ) from None


@contextmanager
def training() -> Iterator[None]:
    """A block that trains.

    Raises:
        MissingError: the GPU has too little memory for it.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        said = str(error).splitlines()[0]
        raise MissingError(
            f"training needs more memory than the GPU has ({said}); run the same command again "
            f"with --set rows_at_once=1, or name another --out folder and a smaller max_length, or "
            f"tuning=qlora"
        ) from None


def of_the_disk(error: BaseException) -> bool:
    """Whether an error comes of a disk that takes no more."""
    if isinstance(error, OSError) and error.errno in ERRORS:
        return True
    if any(saying in str(error) for saying in SAYINGS):
        return True
    # Closing what could not be written may fail in its turn.
    return error.__context__ is not None and of_the_disk(error.__context__)
