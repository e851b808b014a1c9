"""Whoever is silent for too long is given up; whoever was only heard late is not."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from llmkit.core import errors as e
from llmkit.engine.watch import Patience, Watch


async def test_silence_ends_it() -> None:
    with pytest.raises(e.FirstByteTimeout, match=r"0\.02 s"):
        async with Watch(Patience(first_byte=0.02)):
            await asyncio.sleep(60)


async def test_what_came_while_the_thread_was_held_up_was_no_silence() -> None:
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    here.setblocking(False)

    def hold_up() -> None:
        there.send(b"x")
        time.sleep(0.3)  # as somebody's code does that never lets go of the interpreter

    with here, there:
        async with Watch(Patience(idle=0.1)) as watch:
            watch.heard()
            loop.call_soon(hold_up)
            assert await loop.sock_recv(here, 1) == b"x"
            watch.heard()


async def test_silence_that_was_noticed_late_is_silence_all_the_same() -> None:
    async def wait_in_vain() -> None:
        loop = asyncio.get_running_loop()
        async with Watch(Patience(idle=0.1)) as watch:
            watch.heard()
            loop.call_soon(time.sleep, 0.3)
            await loop.create_future()

    with pytest.raises(e.IdleTimeout, match=r"0\.1 s"):
        await wait_in_vain()
