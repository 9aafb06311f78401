"""A disk that is full, or a folder that cannot be written, told in one line whoever finds out."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from probes.errors import FolderError, UserError

ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO}
SAYINGS = ("No space left", "os error 28", "File too large", "os error 27", "PytorchStreamWriter")
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


def of_the_disk(error: BaseException) -> bool:
    """Whether an error comes of a disk that takes no more."""
    if isinstance(error, OSError) and error.errno in ERRORS:
        return True
    return any(saying in str(error) for saying in SAYINGS)
