"""The doctor: what it looks at, what it finds wrong, and that every finding says what to do."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
from pathlib import Path

import pytest

import llmkit
from llmkit.engine import checks, health
from llmkit.engine.health import Finding, Report
from llmkit.engine.loop import IOThread
from llmkit.engine.probing import Probe, probe
from llmkit.sim import Simulator

KEY = "made-up-key-0123456789"


@pytest.fixture(scope="module")
def guarded():
    """A simulator that takes one key only."""
    with Simulator(token=KEY, pace="instant") as running:
        yield running


def session_of(**providers):
    return llmkit.Session({"providers": providers})


def openai_at(guarded, key=KEY):
    return {"type": "openai", "base_url": guarded.url + "/v1", "api_key": key}


def found(report, name):
    return [finding for finding in report.findings if finding.name == name]


class TestProviders:
    def test_a_good_key_is_tried_only_when_that_is_asked_for(self, guarded):
        session = session_of(main=openai_at(guarded))
        (plain,) = found(llmkit.doctor(session=session), "main")
        assert plain.state == "ok"
        assert "answers in" in plain.said
        assert "the key is good" not in plain.said
        (tried,) = found(llmkit.doctor(session=session, check=True), "main")
        assert "the key is good" in tried.said

    def test_no_key_is_sent_and_no_model_asked_without_check(self, guarded):
        before = guarded.attempts
        journal = len(guarded.requests)
        llmkit.doctor(session=session_of(main=openai_at(guarded)))
        assert guarded.attempts == before
        assert all("authorization" not in seen.header_names for seen in guarded.requests[journal:])

    @pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
    def test_a_refused_key_is_a_problem_on_every_wire_and_is_not_shown(self, guarded, kind):
        wrong = "some-other-key-0123456789"
        session = session_of(main={"type": kind, "base_url": guarded.url + "/v1", "api_key": wrong})
        report = llmkit.doctor(session=session, check=True)
        (finding,) = found(report, "main")
        assert not report.ok
        assert "Replace the key" in finding.todo
        assert "…6789" in finding.said
        assert wrong not in f"{report}{report._repr_html_()}{report.df.to_string()}"

    def test_a_server_that_is_not_there_is_a_problem(self):
        (finding,) = found(
            llmkit.doctor(session=session_of(gone={"type": "vllm", "base_url": "http://127.0.0.1:9/v1"})),
            "gone",
        )
        assert finding.state == "problem"
        assert "Nobody answers" in finding.said
        assert finding.todo

    def test_a_server_that_says_nothing_is_given_up(self, monkeypatch):
        monkeypatch.setattr("llmkit.engine.probing.PATIENCE", 0.2)
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
            (finding,) = found(
                llmkit.doctor(session=session_of(mute={"type": "vllm", "base_url": url})), "mute"
            )
        assert finding.state == "problem"
        assert "said nothing" in finding.said

    def test_loading_its_package_is_not_its_silence(self, simulator, monkeypatch):
        monkeypatch.setattr("llmkit.engine.probing.PATIENCE", 0.0)
        thread, loaded = IOThread.current(), []

        class Slow:
            async def load(self, package):
                await asyncio.sleep(0.01)
                loaded.append(package)

            def __getattr__(self, name):
                return getattr(thread.clients, name)

        provider = session_of(main=openai_at(simulator)).registry["main"]
        answer = thread.submit(probe(provider, Slow())).result(60)
        assert loaded == [provider.package]
        assert "said nothing" in answer.error.what

    def test_a_missing_key_says_how_to_set_it(self, guarded):
        fields = {"type": "openai", "base_url": guarded.url + "/v1", "api_key": "${NOT_SET_ANYWHERE}"}
        (finding,) = found(llmkit.doctor(session=session_of(main=fields)), "main")
        assert (finding.state, "$NOT_SET_ANYWHERE" in finding.said) == ("problem", True)
        assert "llmkit keys set main" in finding.todo

    def test_a_list_that_is_open_to_all_says_nothing_about_a_key(self, simulator):
        session = session_of(main=openai_at(simulator))
        (finding,) = found(llmkit.doctor(session=session, check=True), "main")
        assert finding.state == "ok"
        assert "says nothing about the key" in finding.said

    @pytest.mark.parametrize(("key", "state"), [(KEY, "ok"), ("some-other-key-0123456789", "problem")])
    def test_where_the_list_is_open_the_key_is_asked_about_by_itself(self, guarded, key, state):
        fields = {"type": "openrouter", "base_url": guarded.url + "/openrouter/v1", "api_key": key}
        (finding,) = found(llmkit.doctor(session=session_of(main=fields), check=True), "main")
        assert finding.state == state
        assert ("the key is good" in finding.said) == (state == "ok")

    def test_without_any_the_simulator_answers_which_is_no_problem(self):
        report = llmkit.doctor(session=llmkit.Session({}))
        assert report.ok
        assert found(report, "sim")[0].state == "note"

    async def test_a_registry_can_be_asked_without_waiting(self, guarded):
        registry = llmkit.ProviderRegistry(session_of(main=openai_at(guarded)))
        report = await asyncio.wait_for(registry.health(check=True), 60)
        assert found(report, "main")[0].state == "ok"


class TestSurroundings:
    @pytest.mark.parametrize(("skew", "word"), [(400.0, "behind"), (-400.0, "ahead")])
    def test_a_wrong_clock_is_a_problem(self, skew, word, simulator):
        session = session_of(main=openai_at(simulator))
        seen = checks.findings(session, {"main": Probe("main", reachable=True, skew=skew)}, check=False)
        (clock,) = [finding for finding in seen if finding.name == "clock"]
        assert (clock.state, word in clock.said) == ("problem", True)

    def test_a_proxy_before_a_server_of_this_machine_is_a_problem_and_its_password_is_not_shown(
        self, monkeypatch
    ):
        monkeypatch.setenv("http_proxy", "http://me:secret-word@proxy.example:3128")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        session = session_of(gpu={"type": "vllm"})
        seen = checks.findings(session, {"gpu": Probe("gpu")}, check=False)
        (proxy,) = [finding for finding in seen if finding.name == "proxy"]
        assert (proxy.state, "proxy.example:3128" in proxy.said) == ("problem", True)
        assert "secret-word" not in str(Report(tuple(seen)))

    def test_nest_asyncio_applied_by_somebody_else_is_told(self, monkeypatch):
        monkeypatch.setattr(asyncio, "_nest_patched", True, raising=False)
        report = llmkit.doctor(session=llmkit.Session({}))
        assert "nest-asyncio" in found(report, "event loop")[0].said

    def test_versions_are_named(self):
        findings = llmkit.doctor(session=llmkit.Session({})).findings
        names = {finding.name for finding in findings}
        assert "ipykernel" in next(finding.said for finding in findings if finding.name == "notebook")
        assert {"llmkit", "Python", "SDKs", "notebook"} <= names


class TestConfiguration:
    def test_a_file_that_cannot_be_read_is_a_finding_with_its_line_and_the_rest_is_looked_at(
        self, tmp_path, monkeypatch
    ):
        file = tmp_path / "mine.yaml"
        file.write_text("providers:\n  x: {type: openai, base_ur: y}\n", "utf-8")
        monkeypatch.setenv("LLMKIT_CONFIG", str(file))
        monkeypatch.setattr("llmkit.engine.session._default", None)
        report = llmkit.doctor()
        (finding,) = found(report, "llmkit.yaml")[:1]
        assert (finding.state, "line 2" in finding.said) == ("problem", True)
        assert found(report, "Python")

    def test_the_files_that_were_read_are_named(self, tmp_path, monkeypatch):
        file = tmp_path / "mine.yaml"
        file.write_text("aliases: {fast: sim/swift}\n", "utf-8")
        monkeypatch.setenv("LLMKIT_CONFIG", str(file))
        assert found(llmkit.doctor(session=llmkit.Session()), "LLMKIT_CONFIG")[0].said == f"{file} was read"


class TestLedger:
    def test_looking_makes_no_file(self):
        assert "made with the first call" in found(llmkit.doctor(session=llmkit.Session({})), "file")[0].said
        assert not Path(os.environ["LLMKIT_LEDGER"]).exists()

    def test_attempts_are_counted_those_that_never_ended_too(self):
        session = llmkit.Session({})
        session.ask("hello", model="sim/swift")
        session.ledger.begin(call="c", attempt=1, session="s", provider="p", model="m")
        session.close()
        report = llmkit.doctor(session=session)
        assert "2 attempts" in found(report, "file")[0].said
        assert found(report, "pending")[0].state == "note"

    def test_what_may_have_cost_something_leaves_the_simulator_out(self):
        session = llmkit.Session({})
        for simulated in (True, False, True):
            row = session.ledger.begin(
                call="c", attempt=1, session="s", provider="p", model="m", simulated=simulated
            )
            session.ledger.settle(row, status="unknown_billed")
        session.close()
        assert found(llmkit.doctor(session=session), "unknown")[0].said.startswith("1 without a bill")

    @pytest.mark.parametrize("how", ["not a database", "half overwritten"])
    def test_a_broken_file_is_a_problem_and_is_left_as_it_is(self, how):
        path = Path(os.environ["LLMKIT_LEDGER"])
        if how == "not a database":
            content = b"this was never a database" * 500
        else:
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE attempts (status TEXT)")
                db.executemany("INSERT INTO attempts VALUES (?)", [("ok" * 200,)] * 500)
            db.close()
            whole = path.read_bytes()
            content = whole[:8192] + b"\xff" * 4096 + whole[12288:]
        path.write_bytes(content)
        (finding,) = found(llmkit.doctor(session=llmkit.Session({})), "file")
        assert (finding.state, bool(finding.todo)) == ("problem", True)
        assert path.read_bytes() == content


class TestTheReport:
    hostile = Finding(
        "providers", "<b>x</b>", "problem", "\x1b[31m<script>alert(1)</script>\u202e", "Do <i>it</i>."
    )

    def test_what_a_server_says_does_nothing_on_a_page_or_in_a_terminal(self):
        report = Report((self.hostile,))
        assert "<script" not in report._repr_html_()
        assert "<b>x" not in report._repr_html_()
        assert "\x1b" not in str(report)
        assert "\u202e" not in f"{report}{report._repr_html_()}"

    def test_it_is_ok_where_there_are_only_notes(self):
        note = Finding("a", "b", "note", "c")
        assert Report((note,)).ok
        assert not Report((note, self.hostile)).ok
        assert str(Report((note, self.hostile))).endswith("1 problem.")

    def test_it_is_a_table_too(self):
        assert list(Report((self.hostile,)).df["state"]) == ["problem"]
        assert health.Report(()).df.empty
