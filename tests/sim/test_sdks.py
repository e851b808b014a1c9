"""The official SDKs take the simulator for the real thing, over a real socket."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Iterator

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from llmkit.sim import Simulator

SKY = "Why is the sky blue?"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["city"],
    "additionalProperties": False,
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}
ALICE = "Generate information about a person named Alice who is 30 years old and lives in Paris."
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x02\x00\x00\x00"


@pytest.fixture
def claude(sim: Simulator) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="any", base_url=sim.url, max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(sim: Simulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="any", base_url=f"{sim.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
async def gemini(sim: Simulator) -> AsyncIterator[genai.Client]:
    async with httpx2.AsyncClient() as http:
        options = types.HttpOptions(base_url=sim.url, api_version="v1beta", httpx_async_client=http)
        client = genai.Client(api_key="any", vertexai=False, http_options=options)
        yield client
        client.close()


# -- anthropic --------------------------------------------------------------------------------


def test_anthropic_reads_a_message(claude) -> None:
    message = claude.messages.create(
        model="sim/swift", max_tokens=500, messages=[{"role": "user", "content": SKY}]
    )
    assert message.content[0].text.startswith("The sky is blue")
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 10


def test_anthropic_streams_thinking_with_its_signature(claude) -> None:
    with claude.messages.stream(
        model="sim/sage",
        max_tokens=4000,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[{"role": "user", "content": SKY}],
    ) as stream:
        kinds = {event.type for event in stream}
        message = stream.get_final_message()
    assert {"thinking", "signature", "text"} <= kinds
    assert message.content[0].type == "thinking"
    assert message.content[0].signature
    assert message.usage.output_tokens_details.thinking_tokens > 0


def test_anthropic_calls_tools_in_parallel_and_takes_their_results(claude) -> None:
    tools = [{"name": "get_weather", "description": "The weather", "input_schema": WEATHER}]
    said = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    with claude.messages.stream(model="sim/strict", max_tokens=4000, tools=tools, messages=said) as stream:
        first = stream.get_final_message()
    calls = [b for b in first.content if b.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert [c.input["city"] for c in calls] == ["Paris", "Rome"]
    results = [
        {"type": "tool_result", "tool_use_id": c.id, "content": f"21 °C in {c.input['city']}"} for c in calls
    ]
    said += [first.to_param(), {"role": "user", "content": results}]
    second = claude.messages.create(model="sim/strict", max_tokens=4000, tools=tools, messages=said)
    assert second.stop_reason == "end_turn"
    assert "21 °C in Rome" in second.content[-1].text


def test_anthropic_gets_json_for_a_schema(claude) -> None:
    message = claude.messages.create(
        model="sim/swift",
        max_tokens=500,
        output_config={"format": {"type": "json_schema", "schema": PERSON}},
        messages=[{"role": "user", "content": ALICE}],
    )
    assert json.loads(message.content[0].text) == {"name": "Alice", "age": 30, "city": "Paris"}


def test_anthropic_shows_an_image(claude) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    message = claude.messages.create(
        model="sim/vision", max_tokens=500, messages=[{"role": "user", "content": content}]
    )
    assert "PNG, 640 × 480 pixels" in message.content[0].text
    assert message.usage.input_tokens > 400


@pytest.mark.parametrize(
    ("model", "key", "error"),
    [
        ("no-such-model-9", "k", anthropic.NotFoundError),
        ("sim/swift", "bad-key", anthropic.AuthenticationError),
        ("sim/swift@status=529", "k", anthropic.InternalServerError),
        ("sim/swift@quota", "k", anthropic.RateLimitError),
    ],
)
def test_anthropic_raises_its_own_errors(sim, model, key, error) -> None:
    with anthropic.Anthropic(api_key=key, base_url=sim.url, max_retries=0) as client, pytest.raises(error):
        client.messages.create(model=model, max_tokens=5, messages=[{"role": "user", "content": "hi"}])


# -- openai -----------------------------------------------------------------------------------


def test_openai_reads_a_chat_completion(gpt) -> None:
    made = gpt.chat.completions.create(model="swift", messages=[{"role": "user", "content": SKY}])
    assert made.choices[0].message.content.startswith("The sky is blue")
    assert made.choices[0].finish_reason == "stop"


def test_openai_streams_tool_calls(gpt) -> None:
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER, "strict": True}}]
    said = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    with gpt.chat.completions.stream(model="sim/tooler", messages=said, tools=tools) as stream:
        for _ in stream:
            pass
        first = stream.get_final_completion().choices[0]
    assert first.finish_reason == "tool_calls"
    calls = first.message.tool_calls
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Paris", "Rome"]
    said += [
        first.message.model_dump(exclude_none=True, exclude={"parsed"}),
        *({"role": "tool", "tool_call_id": c.id, "content": "sunny"} for c in calls),
    ]
    for call in said[1]["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
    second = gpt.chat.completions.create(model="sim/tooler", messages=said, tools=tools)
    assert "sunny" in second.choices[0].message.content


def test_openai_reads_a_response(gpt) -> None:
    made = gpt.responses.create(model="sim/swift", input=SKY)
    assert made.output_text.startswith("The sky is blue")
    assert made.status == "completed"


def test_openai_streams_a_response_with_reasoning_and_tools(gpt) -> None:
    tools = [{"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}]
    options = {
        "model": "sim/strict",
        "tools": tools,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "high", "summary": "auto"},
    }
    with gpt.responses.stream(input="What is the weather in Oslo?", **options) as stream:
        kinds = {event.type for event in stream}
        first = stream.get_final_response()
    assert "response.reasoning_summary_text.delta" in kinds
    reasoning, call = first.output
    assert reasoning.encrypted_content
    assert json.loads(call.arguments)["city"] == "Oslo"
    history = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        reasoning.model_dump(exclude_none=True),
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "rain"},
    ]
    assert "rain" in gpt.responses.create(input=history, **options).output_text
    del history[1]
    with pytest.raises(openai.BadRequestError, match="without its required 'reasoning' item"):
        gpt.responses.create(input=history, **options)


def test_openai_gets_json_for_a_schema_on_both_wires(gpt) -> None:
    fmt = {"name": "person", "schema": PERSON, "strict": True}
    chat = gpt.chat.completions.create(
        model="sim/swift",
        messages=[{"role": "user", "content": ALICE}],
        response_format={"type": "json_schema", "json_schema": fmt},
    )
    response = gpt.responses.create(
        model="sim/swift", input=ALICE, text={"format": {"type": "json_schema", **fmt}}
    )
    alice = {"name": "Alice", "age": 30, "city": "Paris"}
    assert json.loads(chat.choices[0].message.content) == json.loads(response.output_text) == alice


async def test_openai_leaves_and_the_simulator_notices(sim: Simulator) -> None:
    async with openai.AsyncOpenAI(api_key="k", base_url=f"{sim.url}/v1", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="sim/swift@endless", messages=[{"role": "user", "content": SKY}], stream=True
        )
        async for _ in stream:
            break
        await stream.close()
        (seen,) = await asyncio.to_thread(sim.settled)
    assert seen.outcome == "client_closed"


# -- google -----------------------------------------------------------------------------------


async def test_gemini_reads_a_document_and_a_stream(gemini) -> None:
    whole = await gemini.aio.models.generate_content(model="sim/swift", contents=SKY)
    chunks = [
        c async for c in await gemini.aio.models.generate_content_stream(model="sim/swift", contents=SKY)
    ]
    assert whole.text == "".join(c.text or "" for c in chunks)
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.total_token_count > 10


async def test_gemini_calls_tools_and_returns_thought_signatures(gemini) -> None:
    declared = types.FunctionDeclaration(name="get_weather", parameters_json_schema=WEATHER)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        thinking_config=types.ThinkingConfig(include_thoughts=True),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    asked = types.Content(role="user", parts=[types.Part(text="What is the weather in Oslo?")])
    first = await gemini.aio.models.generate_content(model="sim/strict", contents=[asked], config=config)
    (call,) = first.function_calls
    assert call.args["city"] == "Oslo"
    reply = types.Part(
        function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": "fog"})
    )
    turns = [asked, first.candidates[0].content, types.Content(role="user", parts=[reply])]
    second = await gemini.aio.models.generate_content(model="sim/strict", contents=turns, config=config)
    assert "fog" in second.text
    for part in turns[1].parts:
        part.thought_signature = None
    with pytest.raises(genai.errors.ClientError, match="thought_signature"):
        await gemini.aio.models.generate_content(model="sim/strict", contents=turns, config=config)


async def test_gemini_gets_json_for_its_own_kind_of_schema(gemini) -> None:
    schema = types.Schema(
        type="OBJECT",
        properties={
            "mood": types.Schema(type="STRING", enum=["happy", "sad"]),
            "score": types.Schema(type="NUMBER"),
        },
        required=["mood", "score"],
    )
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=schema)
    made = await gemini.aio.models.generate_content(
        model="sim/swift", contents="I am so happy", config=config
    )
    assert json.loads(made.text)["mood"] == "happy"


async def test_gemini_counts_lists_and_refuses(gemini) -> None:
    assert (await gemini.aio.models.count_tokens(model="sim/swift", contents=SKY)).total_tokens > 5
    assert "models/sim/swift" in [m.name async for m in await gemini.aio.models.list()]
    with pytest.raises(genai.errors.ClientError, match="not found"):
        await gemini.aio.models.generate_content(model="no-such-model", contents="hi")
