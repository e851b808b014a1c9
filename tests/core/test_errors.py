"""Errors: a documented tree, three lines each, honest about trying again, and safe to send elsewhere."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

import llmkit.errors
from llmkit.core import errors
from llmkit.core.errors import AllTargetsFailed, ContextLengthError, LLMKitError, RateLimited, ServerError
from llmkit.core.messages import Message
from llmkit.core.reply import Reply

TREE = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, LLMKitError)]
TRY_AGAIN = {
    "ConflictError",
    "ConnectError",
    "ConnectTimeout",
    "FirstByteTimeout",
    "IdleTimeout",
    "MalformedStream",
    "Overloaded",
    "RateLimited",
    "ServerError",
    "TransportError",
    "TruncatedStream",
}


def drawn():
    """The tree as the module's docstring draws it: each name under its parent."""
    parents = {}
    branch = None
    for line in errors.__doc__.splitlines():
        if found := re.match(r"\s+\* (\w+)\s", line):
            branch = found[1]
            parents[branch] = "LLMKitError"
        elif re.match(r"\s+- ", line):
            parents.update(dict.fromkeys(re.findall(r"\w+", line), branch))
    return parents


def test_the_docstring_draws_the_tree_as_it_is():
    drawing = drawn()
    assert set(drawing) | {"LLMKitError"} == {cls.__name__ for cls in TREE}
    for name, parent in drawing.items():
        assert issubclass(getattr(errors, name), getattr(errors, parent)), name


def test_all_errors_can_be_had_under_the_short_name_and_nothing_else():
    assert sorted(errors.__all__) == sorted(cls.__name__ for cls in TREE)
    public = {name for name in vars(llmkit.errors) if not name.startswith(("_", "@"))}  # @: pytest's own
    assert public == set(errors.__all__)


@pytest.mark.parametrize("cls", TREE)
def test_every_error_says_in_its_docstring_what_happened(cls):
    assert cls.__doc__
    assert cls.__doc__ != cls.__base__.__doc__


def test_every_leaf_has_a_kind_of_its_own():
    kinds = [cls.kind for cls in TREE if not cls.__subclasses__()]
    assert sorted(kinds) == sorted(set(kinds))


def test_only_what_can_succeed_next_time_is_retryable():
    assert {cls.__name__ for cls in TREE if cls.retryable} == TRY_AGAIN


def test_an_error_is_three_lines():
    error = LLMKitError("The call failed.", why="It rained.", hint="Try tomorrow.")
    assert str(error).splitlines() == ["The call failed.", "It rained.", "Try tomorrow."]


def test_a_line_that_is_not_known_is_left_out():
    assert str(LLMKitError("The call failed.", hint="Try tomorrow.")) == "The call failed.\nTry tomorrow."


def test_in_a_notebook_it_is_three_lines_under_its_name():
    error = RateLimited("Too fast.", why="60 a minute.", hint="Wait.")
    assert error._render_traceback_() == ["RateLimited: Too fast.", "60 a minute.", "Wait."]


def test_a_repr_is_one_line():
    assert repr(RateLimited("Too fast.", why="60 a minute.")) == "RateLimited('Too fast.')"


@pytest.mark.parametrize("cls", TREE)
@pytest.mark.parametrize("send", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy], ids=["pickle", "copy"])
def test_an_error_arrives_whole(cls, send):
    partial = Reply(Message.assistant("Hel"), complete=False)
    error = cls("What.", why="Why.", hint="Do.", provider="p", model="m", status=429, partial=partial)
    back = send(error)
    assert type(back) is cls
    assert str(back) == "What.\nWhy.\nDo."
    assert (back.provider, back.model, back.status, back.partial) == ("p", "m", 429, partial)
    assert back.args == ("What.",)


def test_what_only_some_errors_carry_arrives_too():
    back = pickle.loads(pickle.dumps(ContextLengthError("Too long.", limit=8, asked=9)))
    assert (back.limit, back.asked) == (8, 9)
    limited = RateLimited("Too fast.")
    limited.retry_at = 12.5
    assert pickle.loads(pickle.dumps(limited)).retry_at == 12.5


def test_all_targets_failed_lists_why_in_the_order_tried():
    causes = [RateLimited("Too fast."), ServerError("Broken.")]
    back = pickle.loads(pickle.dumps(AllTargetsFailed("Nobody answered.", causes=causes)))
    assert [type(cause) for cause in back.causes] == [RateLimited, ServerError]


def test_an_error_has_no_place_for_a_request_a_header_or_a_key():
    assert set(vars(LLMKitError("What."))) == {
        "what",
        "why",
        "hint",
        "provider",
        "model",
        "status",
        "code",
        "request_id",
        "retry_after",
        "should_retry",
        "partial",
        "raw",
    }
    with pytest.raises(TypeError):
        LLMKitError("What.", headers={"authorization": "Bearer not-a-key"})


def test_what_a_terminal_would_obey_is_not_shown():
    error = LLMKitError(
        "No.", why="\x1b[31mred\x1b[0m \x1b]52;c;ZXZpbA==\x07clip \x9b2J \u202eback", hint="Go on."
    )
    assert str(error) == "No.\nred clip 2J back\nGo on."
    assert error._render_traceback_() == ["LLMKitError: No.", "red clip 2J back", "Go on."]
