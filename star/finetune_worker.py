"""The process of a fine-tune, one or one of several: reads its job, trains, and tells its owner.

Started by `star.launching`, alone or under torchrun or `accelerate launch`.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from pathlib import Path
from typing import NoReturn

from starprobe.bench.line_process import heard, speaker
from starprobe.probes.errors import UserError
from starprobe.star.finetune import finetune
from starprobe.star.jobs import Job
from starprobe.star.launching import Relay
from starprobe.star.sampling import Silent


def main() -> None:
    """Trains the job that it is started with; its owner gone, it ends."""
    send = speaker()
    threading.Thread(target=lambda: list(heard()), daemon=True).start()
    job = Job.model_validate_json(Path(sys.argv[1]).read_bytes())
    first = int(os.environ.get("RANK", "0")) == 0
    try:
        stats = finetune(job, Relay(send) if first else Silent())
    except UserError as error:
        send({"error": str(error), "kind": type(error).__name__})
        _leave(1)
    except Exception:
        send({"failed": traceback.format_exc()})
        _leave(1)
    if first:
        send({"stats": stats.model_dump(mode="json")})
    _leave(0)


def _leave(code: int) -> NoReturn:
    if "RANK" in os.environ:
        from torch import distributed

        if code == 0 and distributed.is_initialized():
            distributed.destroy_process_group()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
