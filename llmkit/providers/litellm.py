"""Whatever LiteLLM reaches, over the package ``litellm`` (an extra): ``litellm/bedrock/some-model``.

LiteLLM finds the provider, signs, and makes everything look like OpenAI's chat; its objects go through the reader
of that wire. Its retries, logging and telemetry are off (``litellm_sdk.py``). What a call cost is ours to say;
where we know no price, LiteLLM's own figure is taken, and marked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.core.errors import MissingPackage
from llmkit.models import pricelist
from llmkit.providers.keys import Key
from llmkit.providers.objects import ObjectExchange, as_fault, error_chunk

if TYPE_CHECKING:
    from llmkit.core.request import Request
    from llmkit.providers.clients import Clients

#: LiteLLM's classes whose status says less than they know.
_CODES = {
    "ContextWindowExceededError": "context_length_exceeded",
    "ContentPolicyViolationError": "content_filter",
}


@dataclass(frozen=True, kw_only=True)
class LiteLLMProvider:
    """All of LiteLLM's providers as one."""

    name: str = "litellm"
    base_url: str = ""
    key: Key = field(default_factory=lambda: Key(needed=False))
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    wire: str = "openai.chat"
    dialect: str = "litellm-proxy"
    package: str = "llmkit.providers.litellm_sdk"
    simulated: bool = False

    def prepare(self, request: Request) -> dict[str, Any]:
        """The arguments of the call."""
        if find_spec("litellm") is None:
            raise MissingPackage(
                "The package litellm is not installed.",
                why=f"It carries calls to {self.name}/….",
                hint='Install it: `pip install "llmkit[litellm]"`. Nothing was sent.',
            )
        return wires.write(self.wire, request, dialect=self.dialect)

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> ObjectExchange:
        """Send it once."""
        import litellm

        given = self.key.get(self.name)
        more: dict[str, Any] = {} if given == "none" else {"api_key": given}
        if "reasoning_effort" in body and request.model.startswith("openai/"):
            # Its list of models that think is older than some models; the provider itself may say no.
            more["allowed_openai_params"] = ["reasoning_effort"]
        if self.base_url:
            more["api_base"] = self.base_url
        quiet = {"num_retries": 0, "max_retries": 0, "no-log": True}
        failure = None
        try:
            asked = {**self.params, **body, **more, **quiet}
            answer = await litellm.acompletion(**asked)
        except Exception as error:  # noqa: BLE001 - LiteLLM's classes are those of whoever it called
            failure = _fault(error)
        if failure is not None:
            raise failure  # without its context, which holds the key
        if request.stream:
            source = _chunks(answer, request.model, mocked="mock_response" in asked)
        else:
            source = _whole(answer, request.model)
        return ObjectExchange(source, stream=request.stream)


async def _chunks(answer: Any, model: str, *, mocked: bool) -> AsyncGenerator[dict[str, Any]]:
    try:
        async for chunk in answer:
            plain = chunk.model_dump(exclude_none=True)
            if not mocked and _is_made_up(plain, answer):
                return
            yield _priced(plain, model)
    except Exception as error:  # noqa: BLE001 - as above
        yield error_chunk(_message(error), code=getattr(error, "status_code", None))
    finally:
        inner = getattr(answer, "completion_stream", None)
        if (close := getattr(inner, "aclose", None)) is not None:
            await close()


def _is_made_up(chunk: Mapping[str, Any], answer: Any) -> bool:
    """LiteLLM ends every stream with a reason to finish, also one that broke off before its provider gave any. It keeps
    what the provider said in fields of its own: where these are empty, the end is LiteLLM's invention."""
    ends = any(choice.get("finish_reason") for choice in chunk.get("choices") or ())
    told = [getattr(answer, name, "?") for name in ("received_finish_reason", "intermittent_finish_reason")]
    return ends and told == [None, None]


async def _whole(answer: Any, model: str) -> AsyncGenerator[dict[str, Any]]:
    yield _priced(answer.model_dump(exclude_none=True), model)


def _priced(plain: dict[str, Any], model: str) -> dict[str, Any]:
    """With LiteLLM's own figure, where no list of ours has a price."""
    usage = plain.get("usage")
    if (
        isinstance(usage, dict)
        and usage.get("completion_tokens")
        and pricelist.per_million("litellm", model) is None
    ):
        import litellm

        try:
            given, made = litellm.cost_per_token(
                model=model,
                prompt_tokens=usage.get("prompt_tokens", 0),
                completion_tokens=usage["completion_tokens"],
            )
        except Exception:  # noqa: BLE001 - it raises its own kinds for "unknown"
            return plain
        if given + made > 0:
            usage["cost"] = given + made
    return plain


def _fault(error: Exception) -> Exception:
    fault = as_fault(
        getattr(error, "status_code", None), _message(error), code=_CODES.get(type(error).__name__)
    )
    fault.raw = None
    return fault


def _message(error: Exception) -> str:
    return str(getattr(error, "message", None) or error).removeprefix("litellm.")
