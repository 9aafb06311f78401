"""How many requests may be under way: additive increase, multiplicative decrease.

Starts at the most that the user allows; a crowded server (429, 503, 529) cuts the number, at most
once a round trip, and pauses everything for as long as Retry-After asks; every full round of
successes lets one more in again.
"""

from __future__ import annotations

import asyncio
import time

CUT = 0.7


class Gate:
    """Lets at most `limit` requests through at once."""

    def __init__(self, most: int) -> None:
        self.most = max(1, most)
        self.limit = float(self.most)
        self.under_way = 0
        self.cuts = 0
        self._last_cut = float("-inf")
        self._paused_until = float("-inf")
        self._changed = asyncio.Condition()

    async def enter(self) -> float:
        """Waits for a place; gives the time of entry."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.under_way < max(1, int(self.limit)))
            self.under_way += 1
        # The place is held during the pause, so that nothing rushes in when it ends.
        while (left := self._paused_until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        return time.monotonic()

    async def leave(self) -> None:
        """Gives the place back."""
        async with self._changed:
            self.under_way -= 1
            self._changed.notify_all()

    def succeeded(self) -> None:
        """Lets a little more in."""
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def crowded(self, entered: float, pause_s: float) -> None:
        """Cuts the number, unless it was cut since this request went in; pauses all.

        Args:
            entered: what `enter` gave to the request that was turned away.
            pause_s: how long nothing may go in.
        """
        now = time.monotonic()
        self._paused_until = max(self._paused_until, now + pause_s)
        if entered > self._last_cut:
            self._last_cut = now
            self.limit = max(1.0, self.limit * CUT)
            self.cuts += 1
