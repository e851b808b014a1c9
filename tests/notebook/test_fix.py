"""``%llm fix``, ``explain`` and ``log`` in a real kernel, against a server that answers what a test says."""

from __future__ import annotations

import pytest

SECRET = "made-up-key-0123456789"
FIXED = "The list is empty.\n\n```python\nmean = sum(xs) / max(1, len(xs))\n```\n"


@pytest.fixture(scope="module")
def server(simulator, kernel):
    """The simulator, named to the kernel as the provider ``told``."""
    kernel.run(
        "import llmkit.engine.session as s\n"
        f"s._default = llmkit.Session({{'providers': {{'told': {{'type': 'openai', 'api': 'chat', "
        f"'base_url': '{simulator.url}/v1', 'api_key': 'any-key-of-the-test'}}}}, 'default_model': 'told/gpt-6-luna'}})"
    )
    return simulator


def sent(server):
    return "\n".join(str(m["content"]) for m in server.requests[-1].json["messages"])


def test_without_an_exception_there_is_nothing_to_fix(kernel, server):
    for code in ("%llm fix", "%%llm\nWhy? {{ Err }}"):
        ran = kernel.run(code)
        assert ran.error["ename"] == "BadRequest"
        assert "There was no exception yet" in "".join(ran.error["traceback"])


def test_fix_sends_cell_trouble_and_shapes_and_puts_the_cell_below(kernel, server):
    kernel.run(f"import os; os.environ['OPENAI_API_KEY'] = {SECRET!r}; xs = []; city = 'Oslo'")
    assert kernel.run(f"# {SECRET}\nmean = sum(xs) / len(xs)  # for city").status == "error"
    server.script([FIXED])
    content = run(kernel, "%llm fix")
    assert content["payload"] == [
        {"source": "set_next_input", "text": "mean = sum(xs) / max(1, len(xs))", "replace": False}
    ]
    asked = sent(server)
    assert "mean = sum(xs) / len(xs)" in asked
    assert "ZeroDivisionError: division by zero" in asked
    assert "- xs: list of 0" in asked
    assert "- city: str of 4 characters" in asked
    assert "Oslo" not in asked
    assert SECRET not in asked
    assert kernel.value("_llm.text") == FIXED
    assert kernel.run("mean").error["ename"] == "NameError"  # nothing was run
    kernel.run("del os.environ['OPENAI_API_KEY']")


def run(kernel, code):
    """The reply of the kernel to a cell, which holds what it puts below."""
    message = kernel.client.execute(code)
    while True:
        reply = kernel.client.get_shell_msg(timeout=60)
        if reply["parent_header"].get("msg_id") == message:
            kernel.wait_for_idle(message)
            return reply["content"]


def test_fix_takes_a_model_and_more_words(kernel, server):
    kernel.run("1 / 0")
    server.script(["No code is needed."])
    assert run(kernel, '%llm fix told/gpt-6-terra "use numpy"')["payload"] == []
    assert sent(server).endswith("use numpy")
    assert server.requests[-1].json["model"] == "gpt-6-terra"


def test_a_sentence_that_begins_with_fix_or_explain_is_a_prompt(kernel, server):
    for words in ("fix this sentence: I goed home", "explain how a kettle works"):
        kernel.run(f"%llm -- {words}")
        kernel.run(f"%llm {words}")
        assert sent(server) == words


def test_an_error_of_ours_is_not_what_is_fixed(kernel, server):
    kernel.run("1 / 0")
    assert kernel.run("%%llm\n{{ nobody_knows }}").status == "error"
    assert "UsageError" in kernel.run("%%llm --nope\nHello").stderr
    kernel.run("%llm fix")
    assert "ZeroDivisionError" in sent(server)


def test_a_syntax_error_can_be_fixed(kernel, server):
    kernel.run("for x in [1, 2]\n    pass")
    kernel.run("%llm fix")
    assert "SyntaxError: expected ':'" in sent(server)
    assert "for x in [1, 2]" in sent(server)


def test_explain_takes_the_last_cell_a_number_or_a_name(kernel, server):
    kernel.run("def twice(x):\n    'Two of it.'\n    return 2 * x")
    kernel.run("%llm budget lots")
    kernel.run("%llm explain")
    assert "The last cell:" in sent(server)
    assert "return 2 * x" in sent(server)
    kernel.run("%llm explain twice")
    assert "`twice` is the function twice(x)." in sent(server)
    assert "return 2 * x" in sent(server)
    kernel.run("%llm explain In[1]")
    assert "import llmkit" in sent(server)
    for line, said in (
        ("nothing", "There is no variable 'nothing'"),
        ("In[999]", "There is no cell In[999]"),
    ):
        assert said in "".join(kernel.run(f"%llm explain {line}").error["traceback"])


def test_err_and_cells_in_a_prompt(kernel, server):
    kernel.run("7 * 6")
    number = int(kernel.value("len(In)")) - 2
    kernel.run("{}['gone']")
    kernel.run(f"%%llm --no-history\n{{{{ Err }}}} {{{{ In[{number}] }}}} {{{{ Out[{number}] }}}}")
    assert "KeyError: 'gone'" in sent(server)
    assert sent(server).endswith("7 * 6 42")


def test_the_log_lists_the_last_calls_and_shows_one_in_full(kernel, server):
    kernel.run("%llm -q one")
    server.script(["two"])
    kernel.run("%llm -q two")
    (output,) = kernel.run("%llm log 2").outputs
    head, first, last, note = output["text/plain"].splitlines()
    assert head.split()[:4] == ["at", "model", "status", "tokens"]
    assert " told/gpt-6-luna " in first
    assert " ok " in last
    assert "of this session" in note
    row = kernel.run("list(llmkit.default_session().ledger.rows(simulated=True))[-1]['id']")
    name = eval(row.outputs[0]["text/plain"])
    for asked in (name, name[-6:], kernel.value("_llm.request_id") or name):
        (full,) = kernel.run(f"%llm log {asked}").outputs
        assert name in full["text/plain"]
        assert "prompt_hash" in full["text/plain"]
    assert "There is no call" in "".join(kernel.run("%llm log nothing-like-it").error["traceback"])
