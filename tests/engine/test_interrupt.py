"""Interrupt, in a real kernel, wherever a call may be waiting: the cell ends, the socket closes, a row stays.

SIGINT goes through the kernel manager, as every front end sends it. That the cell is over soon is measured inside the
kernel, from the moment Python handles the signal to the moment IPython is done with the cell: what a busy machine adds
to the messages on either side is not llmkit's. Whatever is waited for here would take half a minute, or for ever.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmkit.sim import Simulator

sys.path.insert(0, str(Path(__file__).parents[1] / "notebook"))
from kernel import Kernel, Ran

BENCH = "bench:tokens=100000,rate=60,ttft=0"
#: Seconds that a cell may go on after Python heard of the interrupt: one is promised, the rest is for a busy machine.
PROMISED = 10.0
#: Seconds until the front end must know.
SOON = 20.0

SETUP = """
%load_ext llmkit
%load_ext llmkit
%load_ext llmkit
%load_ext autoreload
%autoreload 2
import llmkit, socket, threading
from llmkit.engine import session as _sessions
hole = socket.socket(); hole.bind(("127.0.0.1", 0)); hole.listen(0)
fill = [socket.socket() for _ in range(4)]
for one in fill:
    one.setblocking(False); one.connect_ex(hole.getsockname())
def provider(fault="", **more):
    headers = {"x-sim-fault": fault} if fault else {}
    return {"type": "openai", "api": "chat", "base_url": URL + "/v1", "api_key": "k" * 20, "headers": headers, **more}
_sessions._default = llmkit.Session({
    "providers": {
        "connecting": {**provider(), "base_url": f"http://127.0.0.1:{hole.getsockname()[1]}/v1"},
        "first_byte": provider("hang"),
        "streaming": provider(),
        "stalled": provider("stall=3"),
        "backing_off": provider("status=503; retry-after=30"),
        "limited": provider(limits={"concurrency": 1}),
    },
    "timeouts": {"connect": 60},
})
import signal, time
took = []
def struck(number, frame):
    took.append(time.monotonic())
    raise KeyboardInterrupt
def ended(result):
    if took:
        took.append(time.monotonic())
# ipykernel sets its own handler before each cell, so this one is set again after that.
get_ipython().events.register("pre_run_cell", lambda info: signal.signal(signal.SIGINT, struck))
get_ipython().events.register("post_run_cell", ended)
warm = llmkit.ask("hello", model="streaming/bench:tokens=3,rate=0,ttft=0")
"""


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def kernel(sim: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    import os

    home = tmp_path_factory.mktemp("kernel")
    environment = {**os.environ, "LLMKIT_HOME": str(home), "LLMKIT_LEDGER": str(home / "ledger.db")}
    started = Kernel(environment)
    try:
        assert started.run(f"URL = {sim.url!r}" + SETUP).status == "ok"
        yield started
    finally:
        started.close()


def rows(kernel: Kernel, tag: str) -> list[dict[str, Any]]:
    columns = "['status', 'usage_source', 'output', 'attempt']"
    found = kernel.value(
        f"llmkit.usage(simulated=True, tag={tag!r})[{columns}].astype(object).where(lambda d: d.notna(), None).to_dict('records')"
    )
    assert isinstance(found, list)
    return found


def cell(style: str, model: str, tag: str) -> str:
    if style == "magic":
        return f"%%llm {model} --tag {tag}\nGo on."
    return f"llmkit.ask('Go on.', model={model!r}, tag={tag!r})"


def wait_for(what: Any) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def interrupted(kernel: Kernel, code: str, ready: Any) -> Ran:
    """Run a cell, interrupt it once it is where it should be, and see that it ends soon."""
    kernel.run("took.clear()")
    sent = kernel.send(code)
    kernel.wait_for(sent, "execute_input")
    wait_for(ready)
    began = time.monotonic()
    kernel.interrupt()
    ran = kernel.finish(sent)
    assert time.monotonic() - began < SOON
    heard, over, *_ = kernel.value("took")
    print(f"idle {over - heard:.3f} s after the interrupt")
    assert over - heard <= PROMISED
    return ran


def short_and_clear(ran: Ran) -> None:
    assert ran.status == "error"
    assert "Interrupt" in ran.error["ename"]
    said = "".join(ran.error["traceback"]) + ran.stderr
    assert len(said) < 1000
    assert "Traceback" not in said


@pytest.mark.parametrize("style", ["magic", "ask"])
@pytest.mark.parametrize(
    "where", ["connecting", "first_byte", "streaming", "stalled", "backing_off", "limited"]
)
def test_interrupt(kernel: Kernel, sim: Simulator, where: str, style: str) -> None:
    sim.reset()
    tag = f"{where}-{style}"
    holding = where == "limited"
    if holding:
        kernel.run(
            f"held = llmkit.stream('hold', model='limited/{BENCH}'); batches = held.batches(); next(b for b in batches if b)"
        )
    before = len(sim.requests)

    def sent() -> bool:
        return len(sim.requests) > before

    def talking() -> bool:
        return sent() and sim.requests[-1].tokens_sent > 2

    def waiting() -> bool:
        time.sleep(1.0)  # nobody outside can see it wait
        return True

    ready = {
        "connecting": waiting,
        "first_byte": sent,
        "streaming": talking,
        "stalled": talking,
        "backing_off": lambda: sent() and sim.requests[-1].outcome == "done" and waiting(),
        "limited": waiting,
    }[where]
    ran = interrupted(kernel, cell(style, f"{where}/{BENCH}", tag), ready)
    short_and_clear(ran)

    if holding:
        kernel.run("held.close()")
    seen = sim.settled(10)[before:]
    expected = {
        "first_byte": "client_closed",
        "streaming": "client_closed",
        "stalled": "client_closed",
        "backing_off": "done",
    }
    assert [entry.outcome for entry in seen] == ([expected[where]] if where in expected else [])

    told = rows(kernel, tag)
    assert told[-1]["status"] == "cancelled"
    if where in ("streaming", "stalled"):
        assert told[-1]["usage_source"] == "estimated"
        assert told[-1]["output"] > 0
    else:
        assert told[-1]["usage_source"] == "unknown"
    assert [row["attempt"] for row in told] == ([1, 2] if where == "backing_off" else [1])
    assert kernel.value("[t.name for t in threading.enumerate()].count('llmkit-io')") == 1


def test_the_next_cell_works_and_one_io_thread_serves_whatever_is_reloaded(kernel: Kernel) -> None:
    ran = kernel.run(
        "import importlib, llmkit.engine.loop as loop\n"
        "importlib.reload(loop)\n"
        "importlib.reload(llmkit)\n"
        "reply = llmkit.ask('hello', model='streaming/bench:tokens=3,rate=0,ttft=0')\n"
        "loop.IOThread.current()"
    )
    assert ran.status == "ok"
    assert kernel.value("reply.complete, [t.name for t in threading.enumerate()].count('llmkit-io')") == (
        True,
        1,
    )


def test_a_second_interrupt_in_quick_succession_does_no_harm(kernel: Kernel, sim: Simulator) -> None:
    sim.reset()
    sent = kernel.send(cell("magic", f"streaming/{BENCH}", "twice"))
    wait_for(lambda: sim.requests and sim.requests[-1].tokens_sent > 2)
    kernel.interrupt()
    kernel.interrupt()
    kernel.finish(sent)
    assert sim.settled(10)[-1].outcome == "client_closed"
    assert [row["status"] for row in rows(kernel, "twice")] == ["cancelled"]
    assert kernel.run("1").status == "ok"
