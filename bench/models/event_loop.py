"""One event loop in a thread of its own, and how many requests may be under way in it."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from functools import cache
from typing import TypeVar

Item = TypeVar("Item")
CUT = 0.7
"""What is left of the requests under way where a server is crowded."""
ACCIDENTS = 0.1
"""Share of a round trip's requests that may be turned away without the server being crowded."""


class Gate:
    """How many requests may be under way: additive increase, multiplicative decrease.

    Starts at the most that the user allows; a crowded server, which turns away (429, 503, 529) more
    than a tenth of a round, cuts the number, at most once a round trip; every full round of
    successes lets one more in again. Retry-After pauses everything for as long as it asks.
    """

    def __init__(self, most: int) -> None:
        self.most = max(1, most)
        self.limit = float(self.most)
        self.under_way = 0
        self._turned_away = 0.0
        """Of about the last round."""
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
        self._turned_away *= 1.0 - 1.0 / self.limit
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def crowded(self, entered: float, pause_s: float) -> None:
        """Cuts the number where many were turned away since it was last cut; pauses all.

        Args:
            entered: what `enter` gave to the request that was turned away.
            pause_s: how long nothing may go in.
        """
        now = time.monotonic()
        self._paused_until = max(self._paused_until, now + pause_s)
        self._turned_away += entered > self._last_cut
        if self._turned_away >= ACCIDENTS * self.limit:
            self._last_cut, self._turned_away = now, 0.0
            self.limit = max(1.0, self.limit * CUT)


class LoopThread:
    """A daemon thread that runs an event loop, so that async code can be driven from anywhere.

    A notebook has a running loop already, in which `asyncio.run` is refused; a thread has none.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="starprobe-http", daemon=True)
        self._thread.start()

    def iterate(self, stream: Callable[[asyncio.Semaphore], AsyncIterator[Item]]) -> Iterator[Item]:
        """The items of an async stream; leaving the iterator early cancels the stream.

        The semaphore that the stream is given is released each time the reader comes back for
        another item: by then it has done what it does with the one before, such as writing it down.
        """
        items: queue.SimpleQueue[Item | BaseException | None] = queue.SimpleQueue()
        handled = asyncio.Semaphore(0)

        async def drain() -> None:
            try:
                async for item in stream(handled):
                    items.put(item)
            except BaseException as error:
                items.put(error)
                raise
            items.put(None)

        running: Future[None] = asyncio.run_coroutine_threadsafe(drain(), self.loop)
        try:
            while (item := items.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
                self.loop.call_soon_threadsafe(handled.release)
        finally:
            running.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


@cache
def _loop_of(process: int) -> LoopThread:
    return LoopThread()


def loop_thread() -> LoopThread:
    """The one loop of this process, started when it is first wanted."""
    return _loop_of(os.getpid())
