"""What llmkit leans on in the official SDKs, held against those that are installed: a name that a new release renames
or drops fails here first, and the failure says which."""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import socket
import types as pytypes
import typing
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typing_extensions

import llmkit
from llmkit import wire as wires
from llmkit.core.messages import (
    FilePart,
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from llmkit.core.request import Options, Request, ToolSpec
from llmkit.core.signal import Signal
from llmkit.providers import clients
from llmkit.sim import Simulator

SOURCES = sorted(Path(clients.__file__).parent.glob("*.py"))
#: The packages whose functions are called with keywords of theirs.
PACKAGES = ("openai", "anthropic", "httpx2", "google.auth", "litellm", "llama_cpp")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PNG = b"\x89PNG\r\n\x1a\n"


def calls() -> Iterable[tuple[str, str, str, list[str]]]:
    """Every call of a package's function in the code: where, package, name, keywords."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            dotted = ast.unparse(node.func)
            for package in PACKAGES:
                if dotted.startswith(f"{package}.") and dotted.count(".") == package.count(".") + 1:
                    keywords = [keyword.arg for keyword in node.keywords if keyword.arg is not None]
                    yield f"{path.name}:{node.lineno}", package, dotted.rpartition(".")[2], keywords


CALLS = list(calls())


def test_the_calls_are_found() -> None:
    found = {(package, name) for _, package, name, _ in CALLS}
    assert {("openai", "AsyncOpenAI"), ("anthropic", "AsyncAnthropic"), ("httpx2", "Request")} <= found
    assert {("google.auth", "default"), ("llama_cpp", "Llama"), ("litellm", "acompletion")} <= found


@pytest.mark.parametrize(("where", "package", "name", "keywords"), CALLS, ids=lambda value: str(value)[:40])
def test_what_is_called_exists_and_takes_what_it_is_given(
    where: str, package: str, name: str, keywords: list[str]
) -> None:
    if find_spec(package.partition(".")[0]) is None:
        pytest.skip(f"{package} is not installed")
    called = getattr(import_module(package), name, None)
    assert called is not None, f"{where}: {package} has no {name} any more"
    parameters = inspect.signature(called).parameters
    missing = [keyword for keyword in keywords if keyword not in parameters]
    assert missing == [], f"{where}: {package}.{name} takes no {', '.join(missing)} any more"


def test_the_sdks_pools_take_our_settings() -> None:
    import anthropic
    import httpx2
    import openai

    wanted = clients.settings()
    assert set(wanted) <= set(inspect.signature(httpx2.AsyncClient.__init__).parameters)
    for sdk in (openai, anthropic):
        pool = sdk.DefaultAioHttpClient(**wanted)
        assert isinstance(pool, httpx2.AsyncClient)
        assert pool.follow_redirects is False
        assert pool.timeout.as_dict() == wanted["timeout"].as_dict()
        assert type(pool._transport).__module__.partition(".")[0] in {"httpx_aiohttp", "httpx2_aiohttp", "openai", "anthropic"}, (
            f"{sdk.__name__} carries by {type(pool._transport)}: what a token costs was measured over aiohttp"
        )  # fmt: skip
        asyncio.run(pool.aclose())


#: What is used of objects that the SDKs give us.
USED = {
    "openai:AsyncOpenAI": ["default_headers"],
    "anthropic:AsyncAnthropic": ["default_headers"],
    "httpx2:AsyncClient": ["send", "build_request", "headers", "cookies", "timeout", "aclose"],
    "httpx2:Response": ["status_code", "headers", "aiter_bytes", "aclose", "url"],
    "httpx2:Timeout": ["as_dict"],
    "httpx2:Headers": ["raw"],
    "google.auth.credentials:Credentials": ["refresh", "valid"],
}


@pytest.mark.parametrize("where", USED)
def test_what_is_used_of_their_objects_is_there(where: str) -> None:
    module, _, name = where.partition(":")
    owner = getattr(import_module(module), name)
    if where == "httpx2:Response":  # some of it is there only with an answer
        owner = owner(200, request=import_module("httpx2").Request("GET", "http://127.0.0.1"))
    missing = [used for used in USED[where] if not hasattr(owner, used)]
    assert missing == [], f"{where} has no {', '.join(missing)} any more"
    if where == "httpx2:AsyncClient":
        assert {"request", "stream"} <= set(inspect.signature(owner.send).parameters)


def test_the_failures_that_are_known_by_name_are_classes_somewhere() -> None:
    import aiohttp
    import httpx2

    code = ast.parse(inspect.getsource(clients.transport_error))
    names = {
        item.value
        for node in ast.walk(code)
        if isinstance(node, ast.Set)
        for item in node.elts
        if isinstance(item, ast.Constant)
    }
    assert len(names) > 5
    places = (aiohttp, httpx2, builtins, socket, asyncio)
    gone = {name for name in names if not any(hasattr(place, name) for place in places)}
    assert gone == set(), f"no package has the exceptions {gone} any more"


# -- bodies ---------------------------------------------------------------------------------------


def unknown(value: Any, kind: Any, path: str = "") -> list[str]:
    """The keys of a body that an SDK's types don't know, as paths."""
    origin = typing.get_origin(kind)
    if origin in (typing.Required, typing.NotRequired, typing.Annotated):
        return unknown(value, typing.get_args(kind)[0], path)
    if origin in (typing.Union, pytypes.UnionType):
        options = [unknown(value, one, path) for one in typing.get_args(kind) if fits(value, one)]
        return min(options, key=len) if options else [f"{path} as {type(value).__name__}"]
    if typing_extensions.is_typeddict(kind) and isinstance(value, Mapping):
        hints = typing_extensions.get_type_hints(kind, include_extras=True)
        found = [f"{path}.{key}".lstrip(".") for key in value if key not in hints]
        return found + [
            p for key in value if key in hints for p in unknown(value[key], hints[key], f"{path}.{key}")
        ]
    if isinstance(value, list) and typing.get_args(kind):
        return [
            p
            for at, item in enumerate(value)
            for p in unknown(item, typing.get_args(kind)[0], f"{path}[{at}]")
        ]
    if origin is typing.Literal and value not in typing.get_args(kind):
        return [f"{path} = {value!r}"]
    return []  # fmt: skip


def fits(value: Any, kind: Any) -> bool:
    """May a value be of that kind, by its looks alone?"""
    origin = typing.get_origin(kind)
    if origin in (typing.Required, typing.NotRequired, typing.Annotated):
        return fits(value, typing.get_args(kind)[0])
    if origin in (typing.Union, pytypes.UnionType):
        return any(fits(value, one) for one in typing.get_args(kind))
    if origin is typing.Literal:
        return isinstance(value, str | bool | int)
    if isinstance(value, Mapping):
        return (
            typing_extensions.is_typeddict(kind) or origin in (dict, Mapping) or kind in (object, dict, Any)
        )
    if isinstance(value, list):
        return origin is not None and origin not in (dict, Mapping)
    return kind in (object, Any, type(value), None) or (kind is float and isinstance(value, int))


def rich(model: str, **options: Any) -> Request:
    """A request with something of everything."""
    return Request(
        model=model,
        messages=(
            Message.user("What is this?", ImagePart(PNG), FilePart(b"%PDF-1.7", "application/pdf", "a.pdf")),
            Message(
                "assistant",
                (
                    ThinkingPart("Well", signature="sig", encrypted="enc" if "gpt" in model else None, id="rs_1"),
                    TextPart("Let me look."),
                    ToolCallPart("call_1", "weather", {"city": "Oslo"}),
                ),
            ),
            Message.tool(ToolResultPart("call_1", "21 °C", "weather", images=(ImagePart(PNG),))),
            Message.user("And now?"),
        ),
        signal=Signal.never(),
        system="Be brief.",
        options=Options(max_tokens=20_000, **options),
        tools=(ToolSpec("weather", "The weather.", SCHEMA, strict=True),),
        tool_choice="auto",
        schema=SCHEMA,
    )  # fmt: skip


SAMPLING = {"temperature": 0.5, "top_p": 0.9}
BODIES = {
    "anthropic.messages": (
        "anthropic.types.message_create_params:MessageCreateParamsStreaming",
        rich("claude-sonnet-5-5", think="high", stop=("END",)),
    ),
    "openai.chat": (
        "openai.types.chat.completion_create_params:CompletionCreateParamsStreaming",
        rich("gpt-6-luna", think="high", stop=("END",), seed=7, **SAMPLING),
    ),
    "openai.responses": (
        "openai.types.responses.response_create_params:ResponseCreateParamsStreaming",
        rich("gpt-6-luna", think="high", **SAMPLING),
    ),
}


@pytest.mark.parametrize("wire", BODIES)
def test_every_field_of_a_body_is_one_that_the_sdk_knows(wire: str) -> None:
    place, request = BODIES[wire]
    module, _, name = place.partition(":")
    kind = getattr(import_module(module), name)
    dialect = {"anthropic.messages": "anthropic"}.get(wire, "openai")
    body = wires.write(wire, request, dialect=dialect)
    assert len(body) > 7
    assert unknown(body, kind) == []
    assert unknown({**body, "colour": 1}, kind) == ["colour"]  # the walk sees what is wrong
    deeper = {**body, "tools": [{**body["tools"][0], "colour": 1}]}
    assert len(unknown(deeper, kind)) == 1


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "gemini-2.5-pro"])
def test_every_field_of_geminis_body_is_one_that_the_sdk_knows(model: str) -> None:
    from google.genai import types
    from pydantic import ValidationError

    body = wires.write("gemini.generate", rich(model, think="high", stop=("END",), seed=7, **SAMPLING))
    assert set(body) == {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig"}
    for content in [*body["contents"], {**body["systemInstruction"], "role": "user"}]:
        types.Content.model_validate(content)
    config = {**body["generationConfig"], "tools": body["tools"], "toolConfig": body["toolConfig"]}
    types.GenerateContentConfig.model_validate(config)
    with pytest.raises(ValidationError):
        types.GenerateContentConfig.model_validate({**config, "colour": 1})


# -- requests -------------------------------------------------------------------------------------

#: Headers that say who calls, not what is asked.
_CALLER = (
    "user-agent",
    "host",
    "content-length",
    "accept-encoding",
    "connection",
    "x-stainless",
    "accept",
    "idempotency",
)


async def official(wire: str, url: str) -> None:
    """The same question, asked by the official client itself."""
    hello: Any = [{"role": "user", "content": "hello"}]
    match wire:
        case "anthropic":
            import anthropic

            async with anthropic.AsyncAnthropic(api_key="k" * 20, base_url=url, max_retries=0) as claude:
                await claude.messages.create(model="swift", messages=hello, max_tokens=99)
        case "gemini":
            import httpx2
            from google import genai
            from google.genai import types

            async with (
                httpx2.AsyncClient() as pool
            ):  # else it would take aiohttp, in ways that are deprecated
                options = types.HttpOptions(base_url=url, api_version="v1beta", httpx_async_client=pool)
                client = genai.Client(api_key="k" * 20, vertexai=False, http_options=options)
                await client.aio.models.generate_content(model="swift", contents="hello")
        case _:
            import openai

            async with openai.AsyncOpenAI(api_key="k" * 20, base_url=f"{url}/v1", max_retries=0) as gpt:
                if wire == "chat":
                    await gpt.chat.completions.create(model="swift", messages=hello)
                else:
                    await gpt.responses.create(model="swift", input="hello")


@pytest.mark.parametrize("wire", ["anthropic", "chat", "responses", "gemini"])
def test_a_request_goes_where_the_official_client_sends_it_and_is_signed_alike(
    simulator: Simulator, wire: str
) -> None:
    path = "" if wire in ("anthropic", "gemini") else "/v1"
    here = {"type": wire if not path else "openai", "base_url": simulator.url + path, "api_key": "k" * 20}
    if path:
        here["api"] = wire
    llmkit.Session({"providers": {"p": here}}).ask("hello", model="p/swift", stream=False, max_tokens=99)
    ours = simulator.requests[-1]
    asyncio.run(official(wire, simulator.url))
    theirs = simulator.requests[-1]
    assert ours is not theirs
    assert (ours.method, ours.path, ours.status) == (theirs.method, theirs.path, theirs.status)

    def telling(seen: Any) -> set[str]:
        return {name for name in seen.header_names if not name.startswith(_CALLER)}

    assert telling(ours) >= telling(theirs) - {"x-goog-api-client"}
    assert ours.headers.get("anthropic-version") == theirs.headers.get("anthropic-version")


# -- what the readers know of answers --------------------------------------------------------------


def words_of(annotation: Any) -> set[str]:
    """The words of a Literal, or of the Literals inside."""
    if typing.get_origin(annotation) in (typing.Literal, typing_extensions.Literal):
        return set(typing.get_args(annotation))
    return {word for inner in typing.get_args(annotation) for word in words_of(inner)}


def test_every_reason_to_stop_that_a_provider_has_is_known() -> None:
    from anthropic.types import StopReason
    from google.genai.types import FinishReason
    from openai.types.chat.chat_completion_chunk import Choice

    from llmkit.wire import anthropic, gemini, openai_chat

    assert words_of(StopReason) <= set(anthropic._STOPS)
    assert words_of(Choice.model_fields["finish_reason"].annotation) <= set(openai_chat._STOPS)
    #: Of these a reply says no more than the word itself.
    plain = {
        "FINISH_REASON_UNSPECIFIED",
        "OTHER",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "LANGUAGE",
        "MODEL_ARMOR",
        "ESCALATION",
    }
    broken = {"MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"}
    refused = {"MISSING_THOUGHT_SIGNATURE", "PUP_LIMITED_DISABLED"}
    assert {each.value for each in FinishReason} - set(gemini._STOPS) == plain | broken | refused


def test_the_counts_that_are_read_are_those_of_the_sdks() -> None:
    """Every count that an SDK has for a call, filled in, is found in the usage."""
    from openai.types.responses import ResponseUsage

    writes = ResponseUsage.model_fields["input_tokens_details"].annotation.model_fields[
        "cache_write_tokens_details"
    ]  # type: ignore[union-attr]
    (inner, _) = typing.get_args(writes.annotation)
    assert set(inner.model_fields) == {"ttl_12h_tokens", "ttl_30m_tokens"}
    asked = {
        "cache_write_tokens": 7,
        "cached_tokens": 2,
        "cache_write_tokens_details": {"ttl_12h_tokens": 4, "ttl_30m_tokens": 3},
    }
    told = {
        "input_tokens": 10,
        "input_tokens_details": asked,
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 15,
    }
    document = ResponseUsage.model_validate(told).model_dump_json()
    body = b'{"id": "r", "status": "completed", "output": [], "usage": %s}' % document.encode()
    used = wires.read("openai.responses", [body], stream=False).usage
    counts = (
        used.input,
        used.cache_read,
        used.cache_write_5m,
        used.cache_write_1h,
        used.output,
        used.reasoning,
    )
    assert counts == (1, 2, 3, 4, 5, 1)
