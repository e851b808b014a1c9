"""Keys are fetched when needed and never shown."""

from __future__ import annotations

import copy
import pickle
import traceback
from itertools import pairwise

import pytest

import llmkit
from llmkit.core.errors import MissingKey
from llmkit.providers.keys import Key, known_secrets, mask, mask_growing

SECRET = "sk-canary-0123456789"


def test_a_missing_key_names_the_variable_how_to_set_it_and_the_simulator() -> None:
    with pytest.raises(MissingKey) as caught:
        llmkit.ask("hello", model="sonnet")
    message = str(caught.value)
    assert "ANTHROPIC_API_KEY" in message
    assert "`%llm keys set anthropic`" in message
    assert "`llmkit keys set anthropic`" in message
    assert "sim/" in message


def test_the_environment_is_asked_at_the_moment_of_need(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key(env=("MY_API_KEY",))
    assert not key.present
    monkeypatch.setenv("MY_API_KEY", SECRET)
    assert key.get("mine") == SECRET
    monkeypatch.setenv("MY_API_KEY", "sk-rotated-0123456789")
    assert key.get("mine") == "sk-rotated-0123456789"


def test_a_callable_may_supply_it() -> None:
    assert Key(fetch=lambda: SECRET).get("mine") == SECRET


def test_no_view_of_any_object_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    session = llmkit.Session(
        {"providers": {"mine": {"type": "openai", "api_key": SECRET, "base_url": "http://127.0.0.1:9/v1"}}}
    )
    provider = session.registry["mine"]
    key = session.registry.entry("mine").key
    views = [repr(x) + str(x) for x in (session, session.registry, provider, key)]
    views += [repr(vars(x)) for x in (session, session.registry, provider)]
    views += [repr(pickle.dumps(key)), repr(copy.deepcopy(provider)), repr(pickle.dumps(provider))]
    assert not any(SECRET in view for view in views)


def test_a_traceback_with_local_variables_does_not_show_it() -> None:
    session = llmkit.Session(
        {
            "providers": {"mine": {"type": "openai", "api_key": SECRET, "base_url": "http://127.0.0.1:9/v1"}},
        }
    )
    session.gates = type(session.gates)(policy=type(session.gates.policy)(attempts=1))
    with pytest.raises(llmkit.LLMKitError) as caught:
        session.ask("hello", model="mine/x")
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert SECRET not in text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_a_provider_that_echoes_the_key_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert SECRET in known_secrets()
    assert mask(f"Incorrect API key provided: {SECRET}.") == "Incorrect API key provided: •••."


def test_a_text_that_grows_never_shows_a_part_of_a_key_and_never_takes_anything_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    longer = f"{SECRET}-and-more"
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("GROQ_API_KEY", longer)
    said = f"One {SECRET}, two {longer}{SECRET[:5]}, three."
    shown = [mask_growing(said[:end]) for end in range(len(said) + 1)]
    assert all(after.startswith(before) for before, after in pairwise(shown))
    assert shown[-1] == f"One •••, two •••{SECRET[:5]}, three."
    assert not any(SECRET[:2] in now for now in shown[: said.index(", three")])


def test_a_key_that_is_there_whole_is_masked_whole_also_where_its_end_may_begin_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("GROQ_API_KEY", f"{SECRET}-test")
    monkeypatch.setenv("XAI_API_KEY", "test-key-0123456789")
    said = f"One {SECRET}-test, two."
    assert {mask_growing(said[:end])[4:7] for end in range(5, len(said) + 1)} == {"", "•••"}
    assert not any("-te" in mask_growing(said[:end]) for end in range(len(said) + 1))


def test_its_first_letters_may_be_shown_until_it_is_known_to_be_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert [mask_growing(f"Say {SECRET[:end]}", 3) for end in (1, 3, 9, 99)] == [
        "Say s",
        "Say sk-",
        "Say sk-",
        "Say •••",
    ]


@pytest.mark.parametrize("kind", ["compatible", "vllm", "openai"])
def test_a_key_that_a_configuration_names_is_needed_also_where_a_server_might_do_without(kind: str) -> None:
    def asked(key: str) -> llmkit.LLMKitError:
        mine = {"type": kind, "base_url": "http://127.0.0.1:9/v1", "api_key": key}
        with pytest.raises(llmkit.LLMKitError) as caught:
            llmkit.Session({"providers": {"mine": mine}}).ask(
                "hello", model="mine/any", signal=llmkit.Signal.timeout(5)
            )
        return caught.value

    missing = asked("${NO_SUCH_KEY_OF_MINE}")
    assert isinstance(missing, MissingKey)
    assert "NO_SUCH_KEY_OF_MINE is not set" in str(missing)
    assert not isinstance(asked("${NO_SUCH_KEY_OF_MINE:-none}"), MissingKey)


def test_keys_that_are_made_at_once_are_not_taken_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(dict[str, str]):
        """Another key is made while this one is being kept."""

        other: Key | None = None

        def __setitem__(self, handle: str, literal: str) -> None:
            if self.other is None:
                self.other = Key(needed=False)
                self.other = Key(literal="sk-other-0123456789")
            super().__setitem__(handle, literal)

    kept = Interrupted()
    monkeypatch.setattr("llmkit.providers.keys._literal", kept)
    mine = Key(literal="sk-mine-0123456789")
    assert kept.other is not None
    assert (mine.get("mine"), kept.other.get("other")) == ("sk-mine-0123456789", "sk-other-0123456789")
