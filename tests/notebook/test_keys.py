"""``%llm keys``: a key is asked for without being shown, and one that was typed is refused and forgotten."""

from __future__ import annotations

import sqlite3
from pathlib import Path

KEY = "made-up-key-0123456789-abcd"
TYPED = "sk-proj-made-up-0123456789abcdef"


def answered(kernel, line, answer):
    """Run a line that asks for a password, and answer as a front end does."""
    asked = []

    def reply(message):
        asked.append(message["content"])
        kernel.client.input(answer)

    got = kernel.client.execute_interactive(
        f"%llm {line}", allow_stdin=True, stdin_hook=reply, output_hook=lambda _: None, timeout=60
    )
    return got["content"], asked


def listed(kernel):
    (output,) = kernel.run("%llm keys").outputs
    lines = output["text/plain"].splitlines()[1:-1]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def test_keys_are_listed_by_their_end_and_their_place(kernel):
    kernel.run(f"import os; os.environ['OPENAI_API_KEY'] = {KEY!r}")
    rows = listed(kernel)
    kernel.run("del os.environ['OPENAI_API_KEY']")
    assert rows["openai"].split() == ["…abcd", "$OPENAI_API_KEY"]
    assert rows["anthropic"].split() == ["missing", "$ANTHROPIC_API_KEY"]
    assert rows["ollama"] == "not needed"


def test_a_key_is_asked_for_kept_used_and_removed(kernel):
    content, (asked,) = answered(kernel, "keys set openai", KEY)
    assert content["status"] == "ok"
    assert asked["password"] is True
    assert listed(kernel)["openai"].split(maxsplit=1) == ["…abcd", "this process"]
    assert kernel.value("llmkit.default_session().registry.ready()") == ("openai",)
    (output,) = kernel.run("%llm keys remove openai").outputs
    assert output["text/plain"] == "The key of openai is removed from this process."
    assert listed(kernel)["openai"].startswith("missing")


def test_where_nobody_can_be_asked_the_terminal_is_named(kernel):
    ran = kernel.run("%llm keys set openai")
    assert ran.error["ename"] == "MissingKey"
    assert "llmkit keys set" in "\n".join(ran.error["traceback"])


def test_a_key_in_a_cell_is_refused_and_is_in_no_history(kernel, kernel_environment):
    for line in (f"keys set openai {TYPED}", f"keys set {TYPED}", f"keys openai {TYPED}", f"keys {TYPED}"):
        ran = kernel.run(f"%llm {line}")
        assert ran.error["ename"] == "BadRequest"
        assert "revoke it" in "\n".join(ran.error["traceback"])
        assert TYPED not in str(ran.error)
        for where in ("In", "_i", "_ii", "get_ipython().history_manager.input_hist_raw"):
            assert TYPED not in str(kernel.run(where).messages)
        assert TYPED not in str(kernel.run("%tb").of("stream", "error"))
    kernel.run("get_ipython().history_manager.writeout_cache()")
    files = list(Path(kernel_environment["IPYTHONDIR"]).rglob("history.sqlite"))
    assert files
    for file in files:
        with sqlite3.connect(file) as db:
            assert db.execute(
                "SELECT count(*) FROM history WHERE source LIKE '%a line that held a key%'"
            ).fetchone()[0]
        db.close()
        assert TYPED.encode() not in b"".join(
            path.read_bytes() for path in file.parent.glob("history.sqlite*")
        )


def test_no_key_can_be_set_where_none_is_needed(kernel):
    ran = kernel.run("%llm keys set ollama")
    assert "No key can be set for ollama" in "\n".join(ran.error["traceback"])
    assert kernel.run("%llm keys set nobody").error["ename"] == "UnknownProvider"
    assert "Usage: %llm keys" in kernel.run("%llm keys set").stderr


def test_a_sentence_that_begins_with_keys_is_a_prompt(kernel):
    ran = kernel.run("%llm -m sim/swift -q keys are made of brass and iron")
    assert ran.status == "ok"
    assert kernel.value("_llm.model") == "sim/swift"
