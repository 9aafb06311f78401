"""Freed memory kept by the process, so that decoding on a CPU does not ask for it at every step.

Every step of decoding makes and frees tensors of tens of megabytes. The C library's allocator hands
those back to the system each time and takes them again page by page; on virtual machines that costs
more than the arithmetic. Knows nothing of models.
"""

from __future__ import annotations

import ctypes
from functools import cache

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**31 - 1


@cache
def keep_freed_memory() -> bool:
    """Tells glibc to reuse freed memory instead of returning it; False where there is no glibc.

    `benchmarks/decoding.py memory` prints what that gains.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
        return all(
            libc.mallopt(name, size) == 1
            for name, size in ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, _LARGEST))
        )
    except (OSError, AttributeError):
        return False
