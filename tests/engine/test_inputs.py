"""What can't be asked is refused in three lines, and nothing is sent."""

from __future__ import annotations

import re
from typing import Any

import pytest

import llmkit
from llmkit.core.messages import Message
from llmkit.core.request import ToolSpec
from llmkit.engine.inputs import as_options, as_request
from llmkit.errors import BadRequest, LLMKitError
from llmkit.sim import Simulator

LOOPED: dict[str, Any] = {}
LOOPED["itself"] = LOOPED


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return llmkit.Session(
        {"providers": {"here": {"type": "compatible", "base_url": simulator.url + "/v1"}}},
    )


def refused(session: llmkit.Session, simulator: Simulator, prompt: Any = "hi", **more: Any) -> LLMKitError:
    with pytest.raises(BadRequest) as caught:
        session.ask(prompt, **{"model": "here/swift", **more})
    assert len(str(caught.value).splitlines()) == 3
    assert simulator.attempts == 0
    return caught.value


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"signal": 30}, r"Signal\.timeout\(30\), or timeout=30"),
        ({"system": 5}, "system is text"),
        ({"tools": [1]}, "one of them is of the type int"),
        ({"tools": 5}, r"tools=\[my_function\]"),
        ({"tools": ToolSpec("one")}, r"tools=\[my_function\]"),
        ({"max_rounds": 0}, "whole number from 1"),
        ({"consent": True}, "consent is a function"),
        ({"consent": "always"}, "left out, every call runs"),
        ({"tools": [ToolSpec("one", parameters={"x": object()})]}, "JSON"),
        ({"tool_choice": 5}, "tool_choice is text"),
        ({"schema": "x wibble"}, "is no type"),
        ({"schema": {"type": object}}, "JSON"),
        ({"extra": 5}, "extra is a mapping"),
        ({"extra": {"x": object()}}, "JSON"),
        ({"extra": {"x": float("nan")}}, "JSON"),
        ({"extra": {1: "x"}}, "keys"),
        ({"extra": LOOPED}, "JSON"),
        ({"model": 5}, "model is text"),
        ({"timeout": "x"}, "number of seconds"),
        ({"timeout": -1}, "number of seconds"),
        ({"timeout": float("nan")}, "number of seconds"),
        ({"timeout": True}, "number of seconds"),
        ({"tag": 5}, "tag is text"),
        ({"fallback": 5}, "a model or several"),
        ({"stream": "yes"}, "True or False"),
        ({"temprature": 0.5}, "temperature"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_refused(
    session: llmkit.Session, simulator: Simulator, given: dict[str, Any], word: str
) -> None:
    assert re.search(word, str(refused(session, simulator, **given)))


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        (b"x", "bytes"),
        (bytearray(b"x"), "decode"),
        (["hi"], "join"),
        (["hi", Message.user("ho")], "join"),
        (5, "int"),
        ([{"role": "usr", "content": "hi"}], "usr"),
        ([{"role": "user", "content": 5}], "int"),
        ([{"role": "user", "parts": [5]}], "prompt"),
        ("  ", "blanks"),
        ([], "empty"),
    ],
)
def test_a_prompt_that_is_none_is_refused_and_the_error_says_how_to_write_one(
    session: llmkit.Session, simulator: Simulator, prompt: Any, word: str
) -> None:
    assert word in str(refused(session, simulator, prompt))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *[
            ("temperature", v, "from 0 to 2")
            for v in (-0.1, 2.1, float("nan"), float("inf"), "hot", True, 10**400)
        ],
        *[("top_p", v, "above 0 up to 1") for v in (0, 1.1, "all", False)],
        *[("max_tokens", v, "whole number from 1") for v in (0, -5, 2.5, "many", True)],
        *[("stop", v, "a list of texts") for v in (5, [1], {"a": 1}, b"END")],
        *[("seed", v, "a whole number") for v in (1.5, "x", True)],
        *[("think", v, "off, low, medium, high, max") for v in ("hard", -1, True, 1.5)],
    ],
)
def test_an_option_out_of_its_range_is_refused_with_its_value_and_the_range(
    session: llmkit.Session, simulator: Simulator, name: str, value: Any, allowed: str
) -> None:
    error = refused(session, simulator, **{name: value})
    assert error.what.startswith(f"{name}=")
    assert allowed in error.why
    assert (
        "<int>" if value == 10**400 else "<dict>" if isinstance(value, dict) else repr(value)
    ) in error.what


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"temperature": 0}, 0),
        ({"temperature": 2}, 2),
        ({"top_p": 1}, 1),
        ({"max_tokens": 1}, 1),
        ({"stop": "END"}, ("END",)),
        ({"stop": ["A", "B"]}, ("A", "B")),
        ({"stop": None}, ()),
        ({"seed": -1}, -1),
        ({"think": "max"}, "max"),
        ({"think": 0}, 0),
        ({"extra": None}, {}),
        ({"extra": {"a": [1, None, {"b": True}]}}, {"a": [1, None, {"b": True}]}),
    ],
)
def test_an_option_within_its_range_is_kept_as_it_is(given: dict[str, Any], kept: Any) -> None:
    [name] = given
    assert getattr(as_options(given), name) == kept


def test_numbers_of_numpy_are_numbers() -> None:
    np = pytest.importorskip("numpy", reason="numpy is not installed")
    options = as_options({"temperature": np.float32(0.5), "max_tokens": np.int64(7)})
    assert (type(options.temperature), type(options.max_tokens)) == (float, int)
    with pytest.raises(BadRequest):
        as_options({"max_tokens": np.bool_(True)})


def test_the_content_of_extra_is_never_quoted() -> None:
    for extra in ({"key": "sk-canary", "x": object()}, ["sk-canary"] * 20, object()):
        with pytest.raises(BadRequest) as caught:
            as_options({"extra": extra})
        assert "sk-canary" not in str(caught.value)


def test_a_wrong_argument_is_refused_before_a_whole_table_is_asked(
    session: llmkit.Session, simulator: Simulator
) -> None:
    for wrong in ({"tools": 5}, {"temperature": 9}, {"schema": "x wibble"}):
        with pytest.raises(BadRequest):
            session.map([{"q": "hi"}], "{q}", model="here/swift", **wrong)
    assert simulator.attempts == 0


def test_stopping_one_call_leaves_the_callers_signal_alone() -> None:
    signal = llmkit.Signal.never()
    request = as_request("hi", model="swift", options={}, signal=signal)
    request.signal.abort("enough")
    assert not signal.aborted


@pytest.mark.parametrize("seconds", [float("inf"), 10**400])
def test_a_timeout_beyond_all_measure_is_none(seconds: Any) -> None:
    assert as_request("hi", model="swift", options={}, timeout=seconds).signal.remaining is None
