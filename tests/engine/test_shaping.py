"""What comes of a stream on its way; and a slow reader, for whom the server waits."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import llmkit
from llmkit.engine.attempt import MOST_WAITING
from llmkit.engine.shaping import _LINE, _SENTENCE, Objects, Pieces, Slower
from llmkit.errors import BadRequest, IdleTimeout, TruncatedStream
from llmkit.sim import Simulator

FAST = "here/swift:rate=0,ttft=0"
SAID = 'One. Two is "here." Is it? Yes!\nA line, 3.14 long\n\nLast words'


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    return llmkit.Session({"providers": {"here": here}})


def both(flow_of: Any) -> list[Any]:
    """The items of a flow, iterated and async-iterated: they must be the same."""

    async def gathered() -> list[Any]:
        return [item async for item in flow_of()]

    plain = list(flow_of())
    assert asyncio.run(gathered()) == plain
    return plain


def scripted(session: llmkit.Session, simulator: Simulator, text: str) -> Any:
    simulator.script(lambda ask: text)
    return lambda: session.stream("Say it.", model=FAST).flow()


# -- stages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("pattern", "trim", "pieces"),
    [
        (_SENTENCE, str.strip, ["One.", 'Two is "here."', "Is it?", "Yes!", "A line, 3.14 long", "Last words"]),
        (_LINE, lambda line: line.removesuffix("\n"), ['One. Two is "here." Is it? Yes!', "A line, 3.14 long", "", "Last words"]),
    ],
    ids=["sentences", "lines"],
)  # fmt: skip
def test_pieces_are_the_same_however_the_text_is_cut(size, pattern, trim, pieces) -> None:
    stage = Pieces(pattern, trim)
    out = [piece for at in range(0, len(SAID), size) for piece in stage.feed(SAID[at : at + size])]
    assert [piece for piece in [*out, *stage.end()] if piece or trim is not str.strip] == pieces


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    "text",
    ['{"a": 1}\n{"a": "}{"}\n{"a": [{"b": "\\"}"}]}', 'Sure:\n```json\n[{"a": 1}, {"a": "}{"},\n {"a": [{"b": "\\"}"}]}]\n```'],
)  # fmt: skip
def test_objects_are_the_same_however_the_text_is_cut(size, text) -> None:
    stage = Objects()
    out = [value for at in range(0, len(text), size) for value in stage.feed(text[at : at + size])]
    assert out == [{"a": 1}, {"a": "}{"}, {"a": [{"b": '"}'}]}]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    "text",
    ['{"items": [{"a": 1}, {"a": "}]["}, {"a": [{"b": 2}]}]}', 'Sure:\n```json\n[{"a": 1}, {"a": "}]["},\n {"a": [{"b": 2}]}]\n```'],
    ids=["in a field", "bare"],
)  # fmt: skip
def test_of_a_list_that_was_asked_for_the_items_count_wherever_it_stands(size, text) -> None:
    stage = Objects(listed=True)
    out = [value for at in range(0, len(text), size) for value in stage.feed(text[at : at + size])]
    assert out == [{"a": 1}, {"a": "}]["}, {"a": [{"b": 2}]}]


def test_what_comes_too_often_is_joined_and_none_is_lost() -> None:
    now = [0.0]
    stage = Slower(10, clock=lambda: now[0])
    out = []
    for letter in "abcdefgh":
        out += stage.feed(letter)
        now[0] += 0.04
    assert out == ["a", "bcd", "efg"]
    assert stage.tick() == ["h"] or stage.end() == ["h"]


# -- flows ----------------------------------------------------------------------------------------


def test_a_flow_gives_the_same_whether_iterated_or_async_iterated(session, simulator) -> None:
    flow = scripted(session, simulator, SAID)
    assert "".join(both(lambda: flow().text())) == SAID
    assert both(lambda: flow().lines())[0] == 'One. Two is "here." Is it? Yes!'
    assert both(lambda: flow().sentences())[-1] == "Last words"
    assert both(lambda: flow().sentences().map(lambda s: s.upper() if "?" in s else None)) == ["IS IT?"]
    assert "".join(flow().throttle(1000)) == SAID


def test_json_lines_come_as_objects(session, simulator) -> None:
    flow = scripted(session, simulator, '{"n": 1}\n{"n": 2}\nand {"n": 3}')
    assert both(lambda: flow().objects()) == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_list_that_was_asked_for_comes_item_by_item(session, simulator) -> None:
    said = "Berlin: 3700000 people. Oslo: 700000 people."
    asked = lambda: session.stream(said, model=FAST, schema="[city, people int]").flow().objects()  # noqa: E731
    assert both(asked) == [{"city": "Berlin", "people": 3700000}, {"city": "Oslo", "people": 700000}]


def test_several_readers_get_the_same_each_at_its_own_pace(session, simulator) -> None:
    flow = scripted(session, simulator, SAID)
    one, two = flow().lines().tee()
    assert list(one) == list(two) == list(flow().lines())
    assert len(simulator.requests) == 2

    async def at_once() -> list[list[str]]:
        async def read(branch: Any) -> list[str]:
            return [line async for line in branch]

        return list(await asyncio.gather(*map(read, flow().lines().tee(3))))

    first, *others = asyncio.run(at_once())
    assert others == [first, first]


def test_readers_in_several_threads_lose_nothing(session, simulator) -> None:
    branches = scripted(session, simulator, SAID)().text().tee(3)
    read: list[str] = []
    threads = [threading.Thread(target=lambda b=b: read.append("".join(b))) for b in branches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert read == [SAID] * 3


def test_a_call_that_fails_gives_what_came_and_then_its_error(session) -> None:
    words = iter(session.stream("Many words.", model=f"{FAST}@eof=3").flow().text())
    assert next(words)
    with pytest.raises(TruncatedStream):
        list(words)


def test_silence_between_events_stops_the_call(session, simulator) -> None:
    with pytest.raises(IdleTimeout, match=r"0\.2 s"):
        list(session.stream("Why?", model=f"{FAST}@stall=3").flow().text().timeout(0.2))


def test_leaving_a_flow_early_stops_the_call(session) -> None:
    stream = session.stream("Why?", model="here/bench:tokens=100000,rate=200,ttft=0")
    for _ in stream.flow().text():
        break
    assert stream.signal.aborted


@pytest.mark.parametrize(("way", "number"), [("throttle", 0), ("timeout", 0), ("timeout", -1), ("tee", 0)])
def test_a_flow_takes_no_numbers_that_mean_nothing(session, way, number) -> None:
    with pytest.raises(BadRequest):
        getattr(session.stream("Why?", model=FAST).flow(), way)(number)


# -- a slow reader --------------------------------------------------------------------------------


def still(simulator: Simulator, stream: llmkit.Stream) -> int:
    """The bytes sent of an answer, once so much waits to be read that they have stopped growing."""
    before, same, until = -1, 0, time.monotonic() + 60
    while time.monotonic() < until:
        now = simulator.requests[-1].bytes_sent if simulator.requests else -1
        same = same + 1 if now == before and stream._channel.waiting > MOST_WAITING else 0
        if same == 3:
            return now
        before = now
        time.sleep(0.2)
    raise AssertionError("The server goes on sending.")


@pytest.mark.parametrize("more", [{}, {"fallback": "here/swift"}])
def test_for_a_reader_that_does_not_read_the_server_waits_and_then_goes_on(session, simulator, more) -> None:
    tokens = 80_000
    model = f"here/bench:tokens={tokens},rate=0,ttft=0"
    simulator.reset()
    stream = session.stream("Much.", model=model, max_tokens=tokens, **more)
    sent = still(simulator, stream)
    waiting = stream._channel.waiting
    assert MOST_WAITING < waiting < 3 * MOST_WAITING
    reply = stream.reply()
    assert reply.complete
    assert simulator.requests[-1].bytes_sent > sent


def test_stop_works_while_the_server_waits(session, simulator) -> None:
    stream = session.stream("Much.", model="here/bench:tokens=80000,rate=0,ttft=0", max_tokens=80_000)
    still(simulator, stream)
    stream.stop()
    with pytest.raises(llmkit.errors.Aborted):
        stream.reply()


def test_a_slow_reader_is_no_silence_of_the_model(simulator) -> None:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    session = llmkit.Session({"providers": {"here": here}, "timeouts": {"idle": 2.0}})
    simulator.reset()
    stream = session.stream("Much.", model="here/bench:tokens=80000,rate=0,ttft=0", max_tokens=80_000)
    still(simulator, stream)
    time.sleep(2.3)
    stream.stop()  # how fast the kernel opens a window that was shut is not for a test to say
    with pytest.raises(llmkit.errors.Aborted):
        stream.reply()
