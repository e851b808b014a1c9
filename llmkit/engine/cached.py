"""A call that may be answered from the cache. Of several that ask the same at once, one asks the provider.

The others wait for its answer, each no longer than its own deadline; if it fails or is stopped, the next one
asks. What is kept, and for how long, is the cache's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from llmkit.core.events import Event
from llmkit.core.reply import Reply
from llmkit.engine.cache import Cache
from llmkit.engine.call import Call
from llmkit.engine.loop import IOThread
from llmkit.engine.playback import Playback
from llmkit.engine.recording import Beat, Recorder, Recording, key_of
from llmkit.engine.stopping import stoppable
from llmkit.engine.stream import Channel, Stream
from llmkit.engine.turns import Turn
from llmkit.providers.keys import mask


class CachedCall:
    """That call, unless the cache knows the answer to ``known`` by the time its turn comes."""

    def __init__(self, call: Call, cache: Cache, known: Mapping[str, Any]) -> None:
        self._call = call
        self._cache = cache
        self._known = known
        self._playback: Playback | None = None
        self._kept: bool | None = None
        self._also = tuple(call.keep)  # a tape wants the answer too, wherever it comes from
        call.recorder = call.recorder or Recorder()
        call.keep = (*call.keep, self._keep)

    @property
    def id(self) -> str:
        """The call's own id, whoever answers it."""
        return self._call.id

    def launch(self) -> Stream:
        """Hand it to the I/O thread."""
        thread = IOThread.current()
        thread.start(self.run(thread))
        call = self._call
        return Stream(call.request.signal, call.channel, call.settled, self.partial, shape=call.shape)

    @property
    def channel(self) -> Channel:
        """Where its events go."""
        return self._call.channel

    @channel.setter
    def channel(self, channel: Channel) -> None:
        self._call.channel = channel

    @property
    def call(self) -> Call:
        """The call that is made if the cache does not know the answer."""
        return self._call

    def ring(self, events: Sequence[Event]) -> None:
        """Tell those who listen to events."""
        (self._playback or self._call).ring(events)

    def partial(self) -> Reply:
        """The reply as far as it has come."""
        return (self._playback or self._call).partial()

    async def run(self, thread: IOThread) -> None:
        """Wait, look, and ask if need be; never raises."""
        call, signal = self._call, self._call.request.signal
        found: Recording | None = None
        async with AsyncExitStack() as place:
            turn = Turn()
            try:
                with stoppable(signal, thread):
                    turn = await place.enter_async_context(self._cache.turns.of(key_of(self._known), thread))
                    found = await asyncio.to_thread(self._look)
            except asyncio.CancelledError:
                signal.abort("llmkit is shutting down")  # unless it was stopped already; the call tells which
            if found is not None:
                await place.aclose()
                await self._replay(found, thread)
                return
            if turn.pointless:
                await place.aclose()
            await call.run(thread)
            turn.pointless = self._kept is False

    def _look(self) -> Recording | None:
        found = self._cache.find(self._known)
        if found is not None:
            for keep in self._also:
                try:
                    keep(found.beats, found.reply)
                except Exception as error:  # noqa: BLE001 - the answer is there; keeping it is a favour
                    self._call.tell(f"The answer could not be kept for later: {mask(str(error))}")
        return found

    async def _replay(self, found: Recording, thread: IOThread) -> None:
        call = self._call
        self._playback = Playback(
            found,
            call.request,
            call.ledger,
            call.labels,
            source="cache",
            hooks=call.hooks,
            shape=call.shape,
            id=call.id,
            route=call.route,
            before=call.before,
            channel=call.channel,
            settled=call.settled,
        )
        await self._playback.run(thread)

    def _keep(self, beats: tuple[Beat, ...], reply: Reply) -> None:
        self._kept = self._cache.keep(self._known, beats, reply)
