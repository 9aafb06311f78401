"""How a command of ours ends: its exit code, and one line for what the user can cure."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from starprobe.probes.errors import UserError


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
