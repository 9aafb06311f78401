"""The errors that a user can cure, and how a command ends: one line, and its exit code.

UserError
├── InputError      a file or a value that the user gave is wrong
├── MissingError    something is not installed, not reachable, or has no key
└── FolderError     an output folder belongs to something else, or was changed behind our back
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class UserError(Exception):
    """What the user can cure: says what is wrong, which value, and what to do."""


class InputError(UserError):
    """A file, a line, a field or a value that does not fit."""


class MissingError(UserError):
    """A package, a key, a server or a model that is not there."""


class FolderError(UserError):
    """A folder that holds something else than what is asked for."""


def run_command(app: Callable[[], object]) -> None:
    """Runs a command line; exits with 0, 1 (failed), 2 (wrong use) or 130 (interrupted)."""
    try:
        app()
    except UserError as error:
        print(f"starprobe: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("starprobe: interrupted; the same command again goes on from here", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output went away (`| head`): no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def first_error(error: ValidationError) -> str:
    """The first of pydantic's complaints in one line: field, what, and the value."""
    detail = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"]) or "the record"
    return f"{field}: {detail['msg']} (got {detail['input']!r:.80})"
