"""The simulator itself: a thread with a loop that listens on loopback, and the handle to it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Literal

from llmkit.core.errors import ConfigError
from llmkit.sim import faults, guard
from llmkit.sim.connection import Connection
from llmkit.sim.exchange import Reject
from llmkit.sim.http import HTTPRequest, head
from llmkit.sim.journal import Journal, Outcome, Seen
from llmkit.sim.player import Plan, play
from llmkit.sim.routes import route
from llmkit.sim.script import Script
from llmkit.sim.service import Service, Settings, read_pace

_BACKLOG = 1024
#: A new connection is accepted in one turn of the loop, made in the next, read in a third and answered in a fourth.
_TURNS = 6
_LOOK_UP = 0.1
_RUNNING: weakref.WeakSet[Simulator] = weakref.WeakSet()


class Simulator:
    """A model provider on loopback: every wire, no key, no money.

    ``pace`` is ``"model"`` (each model at its own), ``"instant"``, or a factor (``10``: ten times as
    fast). ``chaos`` is a random mix of faults (``"rate=0.2,seed=1"``); ``prompt_faults`` obeys
    ``[[fault: …]]`` in prompts; ``signatures="required"`` makes every model refuse tool turns whose
    thinking didn't come back; ``journal`` is how many requests are remembered.

    >>> with Simulator(pace="instant") as sim:
    ...     sim.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(
        self,
        port: int = 0,
        seed: int = 0,
        *,
        host: str = "127.0.0.1",
        pace: Literal["model", "instant"] | float = "model",
        chaos: str | None = None,
        prompt_faults: bool = False,
        signatures: Literal["checked", "required"] = "checked",
        token: str | None = None,
        max_body: int = 32 * 1024 * 1024,
        journal: int = 20_000,
    ) -> None:
        guard.check_bind(host, token)
        try:
            settings = Settings(
                seed=seed,
                pace=read_pace(pace),
                chaos=faults.chaos(chaos) if chaos else None,
                prompt_faults=prompt_faults,
                signatures=signatures,
                token=token,
            )
        except ValueError as error:
            raise ConfigError(
                "The simulator can't be set up so.", why=str(error), hint="See help(llmkit.sim.Simulator)."
            ) from None
        self._service = Service(settings)
        self._journal = Journal(journal)
        self._host = host
        self._port = port
        self._max_body = max_body
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._connections: set[Connection] = set()

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> Simulator:
        """Listen. Starting twice is the same as once."""
        if self._thread is not None:
            return self
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listener = socket.create_server((self._host, self._port), family=family, backlog=_BACKLOG)
        except OSError as error:
            raise ConfigError(
                f"The simulator can't listen on port {self._port}.",
                why=f"{error.strerror or error}.",
                hint="Port 0 takes any free one.",
            ) from None
        self._listener = listener
        self._port = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, ready), name=f"llmkit-sim-{self._port}", daemon=True
        )
        self._thread.start()
        ready.wait()
        _RUNNING.add(self)
        return self

    def stop(self) -> None:
        """End every connection and stop listening. The journal stays."""
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        _RUNNING.discard(self)
        self._thread = self._loop = self._stopping = self._listener = None

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Simulator:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    @property
    def running(self) -> bool:
        """Is it listening?"""
        return self._thread is not None

    # -- what tests and users look at ---------------------------------------------------------

    @property
    def port(self) -> int:
        """The port; 0 until started, where any was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """The root: Anthropic's base URL. OpenAI's is this plus ``/v1``."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def requests(self) -> list[Seen]:
        """The journal: what was asked, and how each answer ended."""
        return self._journal.entries()

    @property
    def attempts(self) -> int:
        """How many requests asked for an answer, refused ones included."""
        return self._journal.attempts

    def settled(self, timeout: float = 30.0) -> list[Seen]:
        """Wait until no request is being answered, nor one that was sent waits to be read; the journal."""
        self._catch_up(timeout)
        return self._journal.settled(timeout)

    def script(self, script: Script) -> Simulator:
        """Script answers: ``{"contains this": "answer"}``, ``["first", "second"]`` or a callable that
        takes an :class:`Ask` and gives text, a :class:`Say`, or ``None`` for the usual answer.

        >>> sim = Simulator().script({"weather": "Sunny."}).script(["One.", "Two."])
        """
        self._service.prompter.add(script)
        return self

    def reset(self) -> Simulator:
        """Forget script, journal, prompt caches and the counts of faults; what was sent before is forgotten, too."""
        self._catch_up(30.0)
        self._service.forget()
        self._journal.clear()
        return self

    def __repr__(self) -> str:
        return f"<Simulator {self.url if self.running else 'stopped'}, {self.attempts} attempts>"

    def _catch_up(self, seconds: float) -> None:
        """Have everything read that has reached the sockets: a client that left at once is heard late otherwise."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or thread is threading.current_thread():
            return
        caught_up = threading.Event()

        def turn(left: int) -> None:
            if left:
                loop.call_soon(turn, left - 1)
            else:
                caught_up.set()

        try:
            loop.call_soon_threadsafe(turn, _TURNS)
        except RuntimeError:  # it has been stopped meanwhile
            return
        until = time.monotonic() + seconds
        while not caught_up.wait(_LOOK_UP) and thread.is_alive() and time.monotonic() < until:
            pass

    # -- on the thread ------------------------------------------------------------------------

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._main(listener, ready))

    async def _main(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._connections = set()
        server = await self._loop.create_server(
            lambda: Connection(self._serve, self._too_large, self._connections, self._max_body),
            sock=listener,
            backlog=_BACKLOG,
        )
        ready.set()
        await self._stopping.wait()
        await self._accepted()
        server.close()
        tasks = [task for c in list(self._connections) if (task := c.abort()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the aborted transports close their sockets
        await server.wait_closed()

    async def _accepted(self) -> None:
        """Let connections that are just being accepted arrive: a server that closes under them leaves
        their sockets open."""
        for _ in range(20):
            serving = {c.task for c in self._connections} | {asyncio.current_task()}
            arriving = asyncio.all_tasks() - serving
            if not arriving:
                return
            await asyncio.wait(arriving, timeout=0.01)

    async def _serve(self, connection: Connection, request: HTTPRequest) -> bool:
        headers = request.headers
        where = route(request.path, request.query, headers)
        seen = Seen(
            request.method,
            guard.public_target(request.target),
            headers=guard.public_headers(headers),
            header_names=tuple(headers),
        )
        self._journal.begin(seen, attempt=where is not None and where.operation == "generate")
        outcome: Outcome = "cut"
        try:
            why = guard.refusal(headers, self._port, open_host=self._host not in guard.LOOPBACK)
            plan = (
                self._planned(request, seen)
                if why is None
                else self._service.refuse(request, Reject(403, why))
            )
            seen.status = plan.status
            outcome = await play(connection, plan, seen)
        finally:
            self._journal.end(seen, outcome)
        return outcome == "done" and request.keep_alive

    def _planned(self, request: HTTPRequest, seen: Seen) -> Plan:
        try:
            return self._service.plan(request, seen)
        except Exception as error:  # noqa: BLE001  a fault of ours must not look like a silent server
            why = f"The simulator itself failed: {type(error).__name__}: {error}"
            return self._service.refuse(request, Reject(500, why))

    def _too_large(self, request: HTTPRequest) -> bytes:
        reject = Reject(413, "Request exceeds the maximum allowed number of bytes.")
        plan = self._service.refuse(request, reject)
        where = route(request.path, request.query, request.headers)
        seen = Seen(request.method, guard.public_target(request.target), status=413)
        self._journal.begin(seen, attempt=where is not None and where.operation == "generate")
        self._journal.end(seen, "done")
        length = ("content-length", str(len(plan.body)))
        return head(plan.status, [*plan.headers, length, ("connection", "close")]) + plan.body

    def _abandon(self) -> None:
        """In a forked child: the thread is gone, the parent's listening socket isn't ours."""
        if self._listener is not None:
            self._listener.close()
        _LEFTOVERS.append(self._loop)
        self._thread = self._loop = self._stopping = self._listener = None


#: Loops of a parent process: kept, as closing them would touch what the parent still uses.
_LEFTOVERS: list[asyncio.AbstractEventLoop | None] = []
#: Called in a forked child after the simulators are let go of.
after_fork: list[Callable[[], None]] = []


def _in_child() -> None:
    for simulator in list(_RUNNING):
        simulator._abandon()
    _RUNNING.clear()
    for callback in after_fork:
        callback()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
