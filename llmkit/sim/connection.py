"""One client connection: bytes into requests, one request served at a time, keep-alive."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from llmkit.sim.http import BadHTTP, HTTPRequest, RequestParser, TooLarge, head

_LINGER = 2.0
Serve = Callable[["Connection", HTTPRequest], Awaitable[bool]]
#: Called for a request whose body is too large: gives the response to send before closing.
Refuse = Callable[[HTTPRequest], bytes]


class Connection(asyncio.Protocol):
    """A client. ``serve`` answers a request and tells whether the connection stays open."""

    def __init__(self, serve: Serve, refuse: Refuse, connections: set[Connection], max_body: int) -> None:
        self._serve = serve
        self._refuse = refuse
        self._all = connections
        self._parser = RequestParser(max_body)
        self._waiting: deque[HTTPRequest] = deque()
        self.task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._transport: asyncio.Transport | None = None
        self._continued = False
        self._deaf = False
        self.gone = asyncio.Event()

    # -- from the loop ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast("asyncio.Transport", transport)
        self._all.add(self)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has left, or was sent away."""
        self.gone.set()
        self._room.set()
        self._all.discard(self)

    def pause_writing(self) -> None:
        """It reads too slowly."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._room.set()

    def data_received(self, data: bytes) -> None:
        """It says something."""
        if self._deaf:
            return
        try:
            self._waiting.extend(self._parser.feed(data))
        except TooLarge as error:
            self._turn_away(self._refuse(error.request))
            return
        except BadHTTP:
            self._turn_away(head(400, [("content-length", "0"), ("connection", "close")]))
            return
        if self._parser.wants_continue and not self._continued:
            self._continued = True
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._waiting and self.task is None:
            self._continued = False
            self.task = asyncio.get_running_loop().create_task(self._work())

    def _turn_away(self, response: bytes) -> None:
        """Answer, and hear no more. Closing while the client still sends would reset the connection,
        and the answer might be lost with it: so what still comes is read for a while, and dropped."""
        self._deaf = True
        self.write(response)
        if self._transport is not None and self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER, self.close)

    async def _work(self) -> None:
        well = False
        try:
            while self._waiting and not self.gone.is_set():
                if not await self._serve(self, self._waiting.popleft()):
                    self.close()
                    break
            well = True
        finally:
            self.task = None
            if not well and self._transport is not None:
                self._transport.abort()  # nobody shall wait for the rest of an answer that broke

    # -- for the player -----------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Put bytes on their way."""
        # A transport that failed is closing before anybody is told; asyncio complains of those who write on.
        if self._transport is not None and not self.gone.is_set() and not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait while the client reads more slowly than we write."""
        await self._room.wait()

    async def hang_up(self, *, reset: bool) -> None:
        """End the connection after what was written: by FIN, or by RST."""
        transport = self._transport
        if transport is None or self.gone.is_set():
            return
        if not reset:
            transport.close()
            return
        # A reset throws away what the kernel hasn't sent: let it go out first.
        transport.set_write_buffer_limits(0)
        await self.drain()
        await asyncio.sleep(0.01)
        if self.gone.is_set():
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def close(self) -> None:
        """End the connection properly."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> asyncio.Task[None] | None:
        """End the connection and what is being served on it, at once."""
        if self._transport is not None:
            self._transport.abort()
        if self.task is not None:
            self.task.cancel()
        return self.task
