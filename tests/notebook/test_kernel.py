"""``%%llm`` in a real kernel, over the protocol that every front end speaks."""

from __future__ import annotations

import pytest

QUICK = "sim/bench:tokens=40,rate=0,ttft=0"
STEADY = "sim/bench:tokens=120,rate=150,ttft=0"
ENDLESS = "sim/bench:tokens=100000,rate=100,ttft=0"


#: What ``_`` becomes, unless somebody gave it a value of their own, as loops in other tests do.
LAST = "get_ipython().displayhook._"


@pytest.fixture(autouse=True)
def no_leftovers(kernel):
    assert kernel.run("_llm = None\n%config LLMKit.display = ''").status == "ok"


def test_an_answer_streams_into_one_output(kernel):
    ran = kernel.run(f"%%llm {STEADY}\nHello?")
    assert ran.status == "ok"
    assert len(ran.of("display_data")) == 1
    assert 1 <= len(ran.of("update_display_data")) <= 40
    assert ran.of("execute_result") == []
    (shown,) = ran.outputs
    assert kernel.value("_llm.text") in shown["text/plain"]
    assert set(shown) == {"text/plain", "text/markdown", "text/html"}
    assert "simulated" in shown["text/plain"]


def test_the_first_message_does_not_wait_for_the_model(kernel):
    cell = kernel.send("%%llm sim/bench:tokens=3,rate=0,ttft=700\nHello?")
    first = kernel.wait_for(cell, "display_data")
    assert "waiting" in first["data"]["text/html"]
    kernel.finish(cell)


def test_the_reply_is_the_value_of_the_cell_and_is_shown_once(kernel):
    ran = kernel.run(f"%%llm {QUICK} -o answer\nHello?")
    assert len(ran.outputs) == 1
    assert kernel.run("x = 1").outputs == []
    assert kernel.value("answer is _llm, type(answer).__name__") == (True, "Reply")
    kernel.run(f"%%llm {QUICK}\nHello?")
    assert kernel.value("_ is _llm") is True
    (again,) = kernel.run("_llm").outputs
    assert kernel.value("_llm.text") in again["text/plain"]


def test_a_line_gives_a_reply(kernel):
    ran = kernel.run(f'answer = %llm -m {QUICK} What\'s the "best" {{way}}?')
    assert ran.status == "ok"
    assert len(ran.outputs) == 1
    ran = kernel.run("reply = %llm sim/swift Hello")
    assert kernel.value("reply.model") == "sim/swift"


@pytest.mark.parametrize("code", ["%llm -m sim/swift -q Is it the sky?", "r = %llm -m sim/swift -q Is it the sky?", "for _ in 'a':\n    r = %llm -m sim/swift -q Is it the sky?"])  # fmt: skip
def test_a_question_mark_belongs_to_the_question(kernel, code):
    ran = kernel.run(code)
    assert ran.status == "ok"
    assert "not found" not in ran.stdout
    assert "sky" in kernel.value("_llm.text")


@pytest.mark.parametrize("mode", ["live", "final", "none"])
def test_how_an_answer_is_shown_can_be_configured(kernel, mode):
    kernel.run(f"%config LLMKit.display = {mode!r}")
    ran = kernel.run(f"%%llm {STEADY}\nHello?")
    counts = (
        len(ran.of("display_data")),
        len(ran.of("update_display_data")) > 0,
        len(ran.of("execute_result")),
    )
    assert counts == {"live": (1, True, 0), "final": (1, False, 0), "none": (0, False, 0)}[mode]
    assert kernel.value("_llm.complete") is True


def test_quiet_shows_nothing_and_returns_the_reply(kernel):
    ran = kernel.run(f"%%llm {QUICK} -q -o answer\nHello?")
    assert ran.outputs == []
    assert kernel.value("answer.complete") is True


def test_values_go_into_the_prompt(kernel):
    kernel.run("name = 'Ada'; rows = [1, 2]")
    kernel.run('%%llm sim/swift -q\nGreet {{ name }} with {"n": {{ len(rows) }}} and {name}.')
    assert 'Greet Ada with {"n": 2} and {name}' in kernel.value("_llm.text")


def test_a_brace_that_names_a_variable_earns_one_line(kernel):
    kernel.run("name = 'Ada'")
    ran = kernel.run(f"%%llm {QUICK}\nGreet {{name}}.")
    assert ran.stdout == "note: {name} was sent as it is; write {{ name }} to send the variable's value.\n"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("%%llm nosuchmodel\nhi", "UnknownModel"),
        ("%%llm sonet\nhi", "sonnet"),
        (f"%%llm {QUICK}\n{{{{ nobody }}}}", "nobody"),
    ],
)
def test_what_is_wrong_is_told_in_three_lines_and_nothing_is_sent(kernel, code, says):
    before = kernel.value("len(llmkit.usage(simulated=True))")
    ran = kernel.run(code)
    assert ran.status == "error"
    assert ran.outputs == []
    assert 2 <= len(ran.error["traceback"]) <= 3
    assert says in "".join(ran.error["traceback"])
    assert kernel.value("len(llmkit.usage(simulated=True))") == before


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("%%llm --nonsense\nhi", "--nonsense"),
        ("%%llm --temperature hot\nhi", "--temperature: 'hot' is not a number, 0 or above."),
        ("%%llm --temperature nan\nhi", "--temperature: 'nan' is not a number"),
        ("%%llm --max-tokens 0\nhi", "--max-tokens"),
        ("%%llm --think hard\nhi", "--think"),
        ("%%llm --timeout -1\nhi", "--timeout"),
        ("%%llm --timeout soon\nhi", "--timeout: 'soon' is not a number of seconds above 0."),
        ("%%llm -o 1x\nhi", "'1x'"),
        ("%%llm -s 'unclosed\nhi", "quotation"),
        ("%%llm -o class\nhi", "'class'"),
        ("%%llm --compare swift,\nhi", "--compare"),
        ("%%llm --compare swift,swift\nhi", "--compare"),
        ("%%llm --compare\nhi", "--compare"),
        ("%%llm --repeat 0\nhi", "--repeat"),
        ("%%llm --repeat twice\nhi", "--repeat"),
        ("%%llm --repeat 1000\nhi", "--repeat"),
        ("%%llm swift --compare sage\nhi", "--compare does not go with MODEL"),
        ("%%llm -m swift --compare sage\nhi", "--compare does not go with -m"),
        ("%%llm --compare sage -c talk\nhi", "--compare does not go with -c"),
        ("%%llm --compare sage --new\nhi", "--compare does not go with --new"),
        ("%%llm --repeat 2 -f df\nhi", "--repeat does not go with -f"),
        ("%%llm --repeat 2 -c talk\nhi", "--repeat does not go with -c"),
        ("%%llm --bg -f code\nhi", "--bg does not go with -f"),
        ("%%llm --bg=1\nhi", "--bg"),
        ("%%llm -c a.b\nhi", "-c takes the name"),
        ("%%llm --no-history -c talk\nhi", "--no-history does not go with -c"),
        ("%%llm --budget -1\nhi", "--budget"),
        ("%%llm -f yaml\nhi", "format"),
        ("%%llm sonnet luna\nhi", "One model a cell"),
        ("%%llm\n\n  \n", "empty"),
        ("%llm", "empty"),
        ("%llm hi -o x", "before the prompt"),
    ],
)
def test_a_malformed_line_earns_three_lines(kernel, code, says):
    ran = kernel.run(code)
    assert ran.status == "error"
    assert ran.outputs == []
    what, nothing, usage = ran.stderr.splitlines()
    assert says in what
    assert nothing == "Nothing was sent."
    assert usage.startswith("Usage: %%llm [MODEL]")


def test_the_line_is_not_expanded_by_ipython(kernel):
    kernel.run("secret = 'made-up'")
    ran = kernel.run("%%llm {secret}\nhi")
    assert "{secret}" in "".join(ran.error["traceback"])
    assert "made-up" not in str(ran.messages)


def test_the_magic_documents_itself(kernel):
    reply = kernel.client.execute("%%llm?", silent=False)
    kernel.wait_for_idle(reply)
    while True:
        message = kernel.client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == reply:
            break
    text = str(message["content"]["payload"])
    for option in ("--temperature", "--max-tokens", "--think", "--timeout", "--raw", "-o"):
        assert option in text


# -- stopping -----------------------------------------------------------------------------------


def test_an_interrupt_keeps_the_partial_answer_and_one_line(kernel):
    cell = kernel.send(f"%%llm {ENDLESS} -o part\nGo on.")
    kernel.wait_for(cell, "update_display_data", "writing")
    kernel.interrupt()
    ran = kernel.finish(cell)
    assert ran.status == "error"
    assert len(str(ran.error)) < 1000
    assert ran.error["traceback"] == ["■ Interrupted. The partial answer is in part and _llm."]
    (shown,) = ran.outputs
    text, complete, same = kernel.value(f"part.text, part.complete, part is _llm is {LAST}")
    assert text
    assert (complete, same) == (False, True)
    assert text.strip() in shown["text/plain"]
    assert "■ Interrupted" in shown["text/plain"]


def test_an_interrupt_before_anything_came_says_so(kernel):
    cell = kernel.send("%%llm sim/bench:tokens=3,rate=0,ttft=60000\nGo on.")
    kernel.wait_for(cell, "display_data")
    kernel.interrupt()
    ran = kernel.finish(cell)
    assert ran.error["traceback"] == ["■ Interrupted before anything came."]
    assert ran.outputs[0]["text/plain"].startswith("■ Interrupted before anything came.\n")


def test_an_interrupt_stops_the_cells_that_wait(kernel):
    first = kernel.send(f"%%llm {ENDLESS}\nGo on.")
    second = kernel.send("second = 'ran'")
    kernel.wait_for(first, "update_display_data", "writing")
    kernel.interrupt()
    assert kernel.finish(first).status == "error"
    while True:
        message = kernel.client.get_shell_msg(timeout=60)
        if message["parent_header"].get("msg_id") == second:
            break
    assert message["content"]["status"] == "aborted"
    assert kernel.value("'second' in globals()") is False


def test_an_interrupted_call_is_settled_in_the_ledger(kernel):
    cell = kernel.send(f"%%llm {ENDLESS} --tag cut\nGo on.")
    kernel.wait_for(cell, "update_display_data", "writing")
    kernel.interrupt()
    kernel.finish(cell)
    assert kernel.value("list(llmkit.usage(simulated=True, tag='cut')['status'])") == ["cancelled"]


def test_a_timeout_is_an_error_and_keeps_what_came(kernel):
    kernel.run("%%llm sim/swift\nHello.")  # the SDK is loaded: what is timed is the call
    for seconds in (2, 10, 30):  # until something has come by then, however busy the machine is
        ran = kernel.run(f"%%llm {ENDLESS} --timeout {seconds}\nGo on.")
        if "What came is in _llm" in ran.error["evalue"]:
            break
    *_, todo = ran.error["evalue"].splitlines()
    assert todo == "Give it longer (timeout=, in a cell --timeout). What came is in _llm."
    assert ran.error["ename"] == "DeadlineExceeded"
    assert len(ran.error["traceback"]) <= 3
    assert "This is the answer as far as it came." in ran.outputs[0]["text/plain"]
    assert kernel.value(f"_llm.complete, {LAST} is _llm") == (False, True)


def test_a_cut_answer_is_kept_marked_and_told(kernel):
    ran = kernel.run("%%llm sim/sage@eof=30 -o part\nWhy is the sky blue?")
    assert ran.error["ename"] == "TruncatedStream"
    assert len(str(ran.error)) < 1000
    (shown,) = ran.outputs
    assert "The sky is blue" in shown["text/plain"]
    assert "This is the answer as far as it came." in shown["text/plain"]
    assert kernel.value("part.complete, len(part.text) > 20") == (False, True)


def test_a_call_that_gave_nothing_leaves_a_line_and_no_reply(kernel):
    ran = kernel.run("%%llm sim/swift@status=401\nWhy is the sky blue?")
    assert ran.error["ename"] == "AuthError"
    assert ran.outputs[0]["text/plain"].startswith("■ No answer came.")
    assert kernel.run("_llm").outputs == []


# -- wherever a magic may stand -----------------------------------------------------------------


def test_in_a_loop_every_answer_has_its_own_output(kernel):
    ran = kernel.run(f"for i in range(3):\n    %llm -m {QUICK} Number {{{{ i }}}}")
    assert ran.status == "ok"
    assert len(ran.outputs) == 3


def test_in_a_function_its_reply_is_returned(kernel):
    ran = kernel.run(
        f"def ask(x):\n    reply = %llm -m {QUICK} Tell me\n    return reply.text\nlen(ask(1)) > 0"
    )
    assert ran.outputs[-1]["text/plain"] == "True"


def test_under_time_it_runs_once(kernel):
    ran = kernel.run(f"%%time\n%llm -m {QUICK} Hello")
    assert ran.status == "ok"
    assert "Wall time" in ran.stdout
    assert len(ran.outputs) == 1


def test_under_capture_the_answer_is_captured_once(kernel):
    ran = kernel.run(f"%%capture got\n%llm -m {STEADY} Hello")
    assert ran.outputs == []
    assert kernel.value("[sorted(o.data) for o in got.outputs if o.data]") == [
        ["text/html", "text/markdown", "text/plain"]
    ]


def test_in_a_widget_for_outputs_which_takes_no_updates_it_is_shown_once(kernel):
    inside = "import ipywidgets, llmkit\nout = ipywidgets.Output()\nwith out:\n    {}"
    for show in (f"reply = %llm -m {STEADY} Hello", f"grid = llmkit.compare('Hello', ['{STEADY}'])"):
        ran = kernel.run(inside.format(show))
        assert ran.of("update_display_data") == []
        (shown,) = ran.outputs
        assert set(shown) == {"text/plain", "text/markdown", "text/html"}
    after = kernel.run(f"reply = %llm -m {STEADY} Hello")
    assert len(after.of("update_display_data")) > 1


def test_in_a_cell_with_await(kernel):
    ran = kernel.run(f"import asyncio\nawait asyncio.sleep(0)\nreply = %llm -m {QUICK} Hello\nreply.complete")
    assert ran.outputs[-1]["text/plain"] == "True"


def test_loading_again_and_unloading_leave_one_set_of_magics_or_none(kernel):
    kernel.run("%load_ext llmkit")
    kernel.run("%reload_ext llmkit")
    ran = kernel.run(f"%%llm {QUICK}\nHello")
    assert len(ran.outputs) == 1
    count = "len([c for c in get_ipython().configurables if type(c).__name__ == 'LLMKit'])"
    matchers = "len([m for m in get_ipython().Completer.custom_matchers if m.__name__ == 'llm_matcher'])"
    assert kernel.value(f"{count}, {matchers}") == (1, 1)
    kernel.run("%unload_ext llmkit")
    assert kernel.value(f"{count}, {matchers}") == (0, 0)
    assert "not found" in kernel.run("%%llm\nhi").stderr
    kernel.run("%load_ext llmkit")


def test_where_no_page_hears_a_widget_as_in_colab_the_answer_grows_as_html_and_is_kept(kernel):
    ask = "%%llm sim/bench:tokens=200,rate=200,ttft=0 --no-history\nGo on."
    assert kernel.run(ask, "a-cell").of("comm_open") != []
    kernel.run("import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')")
    try:
        ran = kernel.run(ask, "another-cell")
    finally:
        kernel.run("del sys.modules['google.colab']")
    assert ran.of("comm_open") == []
    assert len(ran.of("update_display_data")) > 1
    (shown,) = ran.outputs
    assert set(shown) == {"text/plain", "text/markdown", "text/html"}


# -- whose call it was --------------------------------------------------------------------------


def test_every_call_of_a_notebook_says_which_one_and_which_cell(kernel):
    kernel.run(
        "import os, pathlib; os.environ['JPY_SESSION_NAME'] = str(pathlib.Path.home() / 'notes' / 'sky.ipynb')"
    )
    try:
        kernel.run(f"%%llm {QUICK} --tag whose\nHello?", cell="c-1")
        kernel.run(f"llmkit.ask('Hello?', model='{QUICK}', tag='whose')", cell="c-2")
        kernel.run(
            f"mine = llmkit.ask('Hello?', model='{QUICK}', tag='whose', notebook='mine', cell='my own')",
            cell="c-3",
        )
    finally:
        kernel.run("del os.environ['JPY_SESSION_NAME']")
    rows = kernel.value(
        "[(r['notebook'], r['cell']) for r in llmkit.default_session().ledger.rows(simulated=True, tag='whose')]"
    )
    assert rows == [("~/notes/sky.ipynb", "c-1"), ("~/notes/sky.ipynb", "c-2"), ("mine", "my own")]


def test_a_call_that_is_not_on_the_tape_names_its_cell(kernel, tmp_path):
    (tmp_path / "empty.jsonl").touch()
    kernel.run(f"%llm tape {tmp_path}/empty.jsonl --mode replay")
    try:
        said = [
            kernel.run(code, cell="c-9").error["evalue"]
            for code in (f"%%llm {QUICK}\nHello?", "llmkit.ask('Hello?')")
        ]
        first = kernel.value("get_ipython().execution_count") - 2
    finally:
        kernel.run("%llm tape off")
    assert [line.partition(":")[0] for line in said] == [f"Cell In[{first + n}] (c-9)" for n in (0, 1)]


def test_a_page_that_is_loaded_again_is_told_of_no_pane_that_is_gone(kernel):
    def widgets():
        return set(kernel.reply_to(kernel.client.comm_info("jupyter.widget"))["comms"])

    before = widgets()
    forget = (
        "import llmkit.notebook.pane as panes; panes._unanswered = 0"  # nobody answered in other tests either
    )
    kernel.run(forget)
    ran = kernel.run("%%llm sim/bench:tokens=200,rate=200,ttft=0 --no-history\nGo on.", "a-cell")
    (opened,) = ran.of("comm_open")
    assert widgets() == before
    kernel.say(opened["comm_id"], {"say": "hello"}, None)  # was under way
    assert kernel.run("1").stderr == ""
    kernel.run(forget)
    begun = kernel.run("%%llm sim/bench:tokens=9999,rate=50,ttft=0 --bg -o job\nGo on.", "another-cell")
    while widgets() == before:
        assert kernel.value("job.done") is False
    assert begun.status == "ok"
    kernel.run("job.stop()\njob.reply();")
    assert widgets() == before
