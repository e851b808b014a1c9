"""The limiter is fair, cancel-safe, and learns."""

from __future__ import annotations

import asyncio

import pytest

from llmkit.engine.limits import Bucket, Limiter, Limits


async def test_no_more_at_once_than_allowed() -> None:
    limiter = Limiter(Limits(concurrency=3))
    most = 0

    async def work() -> None:
        nonlocal most
        async with limiter.slot():
            most = max(most, limiter.running)
            await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(50)))
    assert most == 3
    assert limiter.running == 0


async def test_first_come_first_served() -> None:
    limiter = Limiter(Limits(concurrency=1))
    order: list[int] = []

    async def work(number: int) -> None:
        async with limiter.slot():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(20)))
    assert order == list(range(20))


async def test_a_waiter_that_is_cancelled_gives_its_place_back() -> None:
    limiter = Limiter(Limits(concurrency=1))

    async def hold() -> None:
        async with limiter.slot():
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(hold()) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(5), limiter.slot():
        assert limiter.running == 1


async def test_one_that_is_cancelled_in_the_moment_it_is_admitted_gives_its_place_back() -> None:
    limiter = Limiter(Limits(concurrency=1))
    inside = limiter.slot()
    await inside.__aenter__()
    waiting = asyncio.create_task(limiter.slot().__aenter__())
    await asyncio.sleep(0)
    await inside.__aexit__(None, None, None)  # admits the waiter, which has not run yet
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert limiter.running == 0


async def test_a_pause_holds_everybody_and_ends() -> None:
    limiter = Limiter()
    loop = asyncio.get_running_loop()
    began = loop.time()
    limiter.pause(0.05)
    async with limiter.slot():
        assert loop.time() - began > 0.049  # a loop's clock has its grain


async def test_headers_that_say_nothing_is_left_pause_it() -> None:
    limiter = Limiter()
    loop = asyncio.get_running_loop()
    began = loop.time()
    limiter.learn({"requests": {"remaining": 0, "reset": 0.05}})
    async with limiter.slot():
        assert loop.time() - began > 0.049


def test_a_bucket_lets_a_minutes_worth_through_at_once_and_then_a_steady_flow() -> None:
    bucket = Bucket(60, now=0.0)
    for _ in range(60):
        assert bucket.wait(1, now=0.0) == 0
        bucket.take(1, now=0.0)
    assert bucket.wait(1, now=0.0) == pytest.approx(1.0)
    assert bucket.wait(1, now=1.0) == 0


def test_more_than_fits_into_a_bucket_waits_for_a_full_one_instead_of_for_ever() -> None:
    bucket = Bucket(60, now=0.0)
    bucket.take(60, now=0.0)
    assert bucket.wait(10_000, now=0.0) == pytest.approx(60.0)
