"""``%%llm --bg``: the answer comes while other cells run, in a real kernel."""

from __future__ import annotations

import sqlite3
import time

import pytest
from kernel import Kernel

QUICK = "sim/bench:tokens=40,rate=0,ttft=0"
ENDLESS = "sim/bench:tokens=100000,rate=100,ttft=0"
PATIENCE = 60


@pytest.fixture(autouse=True)
def no_leftovers(kernel):
    yield
    kernel.run(
        "%llm stop\nimport llmkit.notebook.background as bg\nfor one in bg.running(): one._over.wait(10)"
    )


def updates_of(kernel, cell):
    return [m for m in kernel._seen.get(cell, []) if m["header"]["msg_type"] == "update_display_data"]


def begun(kernel, code, cell="page-cell"):
    """Run a cell as JupyterLab does; what it says and the id of its message."""
    sent = kernel.send(code, cell)
    return sent, kernel.finish(sent)


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline


def settle(kernel, sent, ran, holding):
    """What the cell's output holds at last; updates come after the cell has ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        kernel.run("1")
        (shown,) = type(ran)(ran.status, kernel._seen[sent]).outputs
        if holding in shown["text/plain"]:
            return shown
    raise TimeoutError(f"{holding!r} never came; the cell shows {shown['text/plain']!r}")


def test_a_second_cell_runs_while_the_first_one_streams(kernel):
    sent, ran = begun(kernel, f"%%llm {ENDLESS} --bg -o job\nGo on.")
    assert ran.status == "ok"
    assert ran.of("execute_result") == []
    assert kernel.value("job.done, job.state") == (False, "running")
    first = kernel.value("len(job.text)")
    until(lambda: kernel.value("len(job.text)") > first)
    assert "running" in kernel.run("job").outputs[0]["text/plain"]
    assert len(updates_of(kernel, sent)) > 0
    kernel.run("job.stop()")
    shown = settle(kernel, sent, ran, "■ Stopped. This is the answer as far as it came.")
    assert kernel.value("job.text.strip()") in shown["text/plain"]
    assert kernel.value("job.done, job.state, job.reply().complete") == (True, "stopped", False)


def test_the_answer_ends_in_the_output_of_its_own_cell(kernel):
    sent, ran = begun(kernel, f"%%llm {QUICK} --bg -o job\nGo on.")
    assert kernel.value("job.reply(60).complete") is True
    shown = settle(kernel, sent, ran, "simulated")
    assert set(shown) == {"text/plain", "text/markdown", "text/html"}
    assert kernel.value("job.reply().text.strip()") in shown["text/plain"]
    assert kernel.value("job.reply().text.strip()") in kernel.run("job").outputs[0]["text/plain"]


def test_an_error_is_shown_in_three_lines_in_its_cell_and_raised_by_the_handle(kernel):
    sent, ran = begun(kernel, "%%llm sim/swift@status=401 --bg -o job\nGo on.")
    assert ran.status == "ok"
    shown = settle(kernel, sent, ran, "AuthError")
    assert 2 <= shown["text/plain"].partition("—")[0].strip().count("\n") + 1 <= 3
    assert kernel.value("job.state") == "failed"
    assert kernel.run("job.reply()").error["ename"] == "AuthError"
    assert "failed" in kernel.value("repr(job)")


def test_interrupting_another_cell_leaves_it_running(kernel):
    begun(kernel, f"%%llm {ENDLESS} --bg -o job\nGo on.")
    busy = kernel.send("print('busy', flush=True)\nimport time\nwhile True: time.sleep(0.01)")
    kernel.wait_for(busy, "stream", "busy")
    kernel.interrupt()
    assert kernel.finish(busy).error["ename"] == "KeyboardInterrupt"
    waiting = kernel.send("print('waiting', flush=True)\njob.reply()")
    kernel.wait_for(waiting, "stream", "waiting")
    kernel.interrupt()
    assert kernel.finish(waiting).status == "error"
    assert kernel.value("job.done") is False


def test_what_runs_is_listed_and_stopped(kernel):
    for at in range(2):
        begun(kernel, f"%%llm {ENDLESS} --bg -o job{at}\nQuestion {at}.", f"cell-{at}")
    listed = kernel.run("%llm bg").outputs[0]["text/plain"]
    assert "Question 0." in listed
    assert "Question 1." in listed
    assert "Stopped" in kernel.run("%llm stop 1").outputs[0]["text/plain"]
    assert kernel.value("job0.reply(60).complete, job1.done") == (False, False)
    kernel.run("%llm stop all")
    assert kernel.value("job1.reply(60).complete") is False
    assert "Nothing runs" in kernel.run("%llm bg").outputs[0]["text/plain"]
    assert "Nothing runs" in kernel.run("%llm stop").outputs[0]["text/plain"]
    assert "Usage: %llm stop" in kernel.run("%llm stop 9").stderr


def test_its_turn_joins_the_conversation_when_it_ends_and_takes_none_away(kernel):
    kernel.run("%llm reset")
    begun(kernel, f"%%llm {ENDLESS} --bg -o job\nThe slow one.", "slow")
    until(lambda: kernel.value("job.text"))
    kernel.run("%%llm sim/swift -q\nThe quick one.", "quick")
    kernel.run("job.stop()\njob.reply(60)")
    talk = kernel.run("%llm chat").outputs[0]["text/plain"]
    assert talk.index("The quick one.") < talk.index("The slow one.")
    kernel.run("%llm reset")


def test_where_no_page_listens_the_cell_waits_and_keeps_the_answer(kernel):
    ran = kernel.run(f"%%llm {QUICK} --bg -o job\nGo on.")  # a program names no cell
    (shown,) = ran.outputs
    assert "simulated" in shown["text/plain"]
    assert kernel.value("job.done, job.reply().complete") == (True, True)


def test_shown_once_at_the_end_it_waits_too(kernel):
    kernel.run("%config LLMKit.display = 'final'")
    _, ran = begun(kernel, f"%%llm {QUICK} --bg -o job\nGo on.")
    kernel.run("%config LLMKit.display = ''")
    assert len(ran.of("display_data")) == 1
    assert "simulated" in ran.outputs[0]["text/plain"]


def test_interrupting_a_cell_that_waits_stops_its_answer(kernel):
    cell = kernel.send(f"%%llm {ENDLESS} --bg -o job\nGo on.")
    kernel.wait_for(cell, "update_display_data", "writing")
    kernel.interrupt()
    assert kernel.finish(cell).error["traceback"] == ["■ Interrupted. The partial answer is in job."]
    assert kernel.value("job.reply(60).complete") is False


def test_the_end_of_the_kernel_stops_it(kernel_environment, tmp_path):
    ledger = tmp_path / "ledger.db"
    one = Kernel({**kernel_environment, "LLMKIT_LEDGER": str(ledger)})
    try:
        one.run("%load_ext llmkit")
        begun(one, f"%%llm {ENDLESS} --bg -o job\nGo on.")
        until(lambda: one.value("job.text"))
        one.manager.shutdown_kernel(now=False)
    finally:
        one.close()
    with sqlite3.connect(ledger) as rows:
        assert rows.execute("select status from attempts").fetchall() == [("cancelled",)]
