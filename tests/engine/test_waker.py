"""A caller's loop is woken once for all that became ready in one turn of the I/O thread."""

import asyncio

from llmkit import Session
from llmkit.engine.waker import Waker
from llmkit.sim import Simulator


class Counting(asyncio.SelectorEventLoop):
    """A loop that counts how often another thread wakes it."""

    woken = 0

    def call_soon_threadsafe(self, callback, *args, context=None):
        self.woken += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def test_many_futures_of_one_turn_cost_one_wake_up():
    async def main():
        mine = asyncio.get_running_loop()
        waiting = [mine.create_future() for _ in range(50)]

        async def io():
            for each in waiting:
                Waker.of(mine).wake(each)

        await asyncio.to_thread(asyncio.run, io())
        await asyncio.gather(*waiting)
        return mine.woken

    with asyncio.Runner(loop_factory=Counting) as runner:
        # One of them tells of the thread's own end.
        assert runner.run(main()) <= 3


def test_without_a_loop_of_its_own_a_thread_wakes_at_once():
    async def main():
        waiting = asyncio.get_running_loop().create_future()
        await asyncio.to_thread(Waker.of(asyncio.get_running_loop()).wake, waiting)
        await waiting
        return True

    assert asyncio.run(main())


def test_waking_a_closed_loop_does_nothing_and_the_next_loop_is_woken():
    gone = asyncio.new_event_loop()
    future = gone.create_future()
    waker = Waker.of(gone)
    gone.close()
    waker.wake(future)
    waker.wake(future)
    assert not future.done()


def test_a_hundred_streams_lose_nothing():
    async def main():
        async def one():
            return "".join(
                [
                    event.text
                    async for event in session.stream("hi", model="s/bench:tokens=20,rate=0")
                    if type(event).__name__ == "Text"
                ]
            )

        return await asyncio.gather(*(one() for _ in range(100)))

    with Simulator() as sim:
        session = Session(
            {
                "providers": {
                    "s": {
                        "type": "compatible",
                        "base_url": f"{sim.url}/v1",
                        "api_key": "sk-test-key",
                        "limits": {"concurrency": 100},
                    }
                }
            }
        )
        texts = asyncio.run(main())
    assert len(set(texts)) == 1
    assert texts[0]
