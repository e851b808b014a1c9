"""Answers of OpenAI's chat wire, put together by hand: frames, streams of them, whole documents."""

from __future__ import annotations

import base64
import json

import pytest

from llmkit import wire
from llmkit.core import errors as e
from llmkit.core.request import Request
from llmkit.core.signal import Signal

WIRE = "openai.chat"
DONE = b"data: [DONE]\n\n"
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
PNG = "data:image/png;base64," + base64.b64encode(b"png").decode()


def chunk(delta=None, finish=None, **more):
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    beside = {name: more.pop(name) for name in ("logprobs", "native_finish_reason") if name in more}
    return HEAD | {"choices": [choice | beside]} | more


def say(text, **more):
    return chunk({"content": text}, **more)


def calls(*fragments, **more):
    return chunk({"tool_calls": list(fragments)}, **more)


def call(name=None, arguments=None, **more):
    return {"function": {"name": name, "arguments": arguments}} | more


def usage(prompt, output, total=None, **more):
    total = prompt + output if total is None else total
    return {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": total} | more


def sse(*frames, done=True):
    lines = [b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames]
    return b"".join([*lines, DONE] if done else lines)


def read(*frames, done=True, **more):
    return wire.read(WIRE, sse(*frames, done=done), **more)


def read_whole(message, finish="stop", **more):
    document = HEAD | {"choices": [{"index": 0, "message": message, "finish_reason": finish}]} | more
    return wire.read(WIRE, json.dumps(document).encode(), stream=False)


def failure(*frames, done=False, **more):
    with pytest.raises(e.LLMKitError) as caught:
        read(*frames, done=done, **more)
    assert caught.value.partial is not None
    return caught.value


def events(*frames, dialect=None):
    reading = wire.reader(WIRE, dialect=dialect)
    return reading.feed(sse(*frames)) + reading.end()


def write(*messages, dialect=None, **fields):
    asked = Request(model="m", messages=messages, signal=Signal.never(), **({"stream": False} | fields))
    return wire.write(WIRE, asked, dialect=dialect)
