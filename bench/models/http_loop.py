"""An event loop in a thread of its own, so that async code can be driven from anywhere.

A notebook has a running loop already, in which `asyncio.run` is refused; a thread has none.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _End(Generic[Item]):
    """Marks the end of a stream, with the exception that ended it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class LoopThread:
    """A daemon thread that runs an event loop until it is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._running: set[Future[None]] = set()
        self._thread = threading.Thread(target=self._run, name="starprobe-http", daemon=True)
        self._thread.start()

    def iterate(self, stream: Callable[[asyncio.Semaphore], AsyncIterator[Item]]) -> Iterator[Item]:
        """The items of an async stream; leaving the iterator early cancels the stream.

        The semaphore that the stream is given is released each time the reader comes back for
        another item: by then it has done what it does with the one before, such as writing it down.
        """
        items: queue.SimpleQueue[Item | _End[Item]] = queue.SimpleQueue()
        handled = asyncio.Semaphore(0)

        async def drain() -> None:
            try:
                async for item in stream(handled):
                    items.put(item)
            except BaseException as error:
                items.put(_End(error))
                raise
            items.put(_End(None))

        running: Future[None] = asyncio.run_coroutine_threadsafe(drain(), self.loop)
        self._running.add(running)
        try:
            while True:
                item = items.get()
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                yield item
                with suppress(RuntimeError):  # The loop was closed meanwhile: the end comes next.
                    self.loop.call_soon_threadsafe(handled.release)
        finally:
            running.cancel()
            self._running.discard(running)

    def cancel(self) -> None:
        """Ends every stream that is being iterated over, with a CancelledError for its reader."""
        for running in list(self._running):
            running.cancel()

    def close(self) -> None:
        """Cancels what is under way and ends the thread. May be called twice."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
