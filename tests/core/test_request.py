"""Requests: always stoppable, replaced rather than changed."""

from __future__ import annotations

import pytest

from llmkit.core.messages import Message
from llmkit.core.request import Options, Request
from llmkit.core.signal import Signal

HI = (Message.user("hi"),)


def test_a_request_without_a_signal_cannot_be_made():
    with pytest.raises(TypeError, match="signal"):
        Request(model="m", messages=HI)


def test_a_request_is_made_of_names_only():
    with pytest.raises(TypeError):
        Request("m", HI, Signal.never())


def test_with_replaces_and_leaves_the_first_as_it_was():
    first = Request(model="m", messages=HI, signal=Signal.never())
    second = first.with_(model="n", options=Options(temperature=0.0))
    assert (first.model, second.model) == ("m", "n")
    assert first.options.temperature is None
    assert second.options.temperature == 0.0
    assert second.signal is first.signal


def test_two_requests_never_share_their_options_extra():
    assert Options().extra is not Options().extra


def test_no_option_is_set_by_default():
    unset = Options()
    assert (unset.max_tokens, unset.temperature, unset.top_p, unset.seed, unset.think) == (None,) * 5
    assert unset.stop == ()
