"""Models in this very process, by llama.cpp (the extra ``local``): ``local//path/to/model.gguf``.

A model is loaded once and used by one call at a time, on a thread of its own: nothing of it runs on the I/O
thread. Stopping ends it after the token it is at.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.core.errors import BadRequest, ConfigError, LLMKitError, MissingPackage
from llmkit.core.messages import ImagePart
from llmkit.models import matrix
from llmkit.providers.objects import ObjectExchange, as_fault, error_chunk

if TYPE_CHECKING:
    from llmkit.core.request import Request
    from llmkit.providers.clients import Clients

_END = object()
_MAGIC = b"GGUF"
_CALLS = "chatml-function-calling"


@dataclass(frozen=True, kw_only=True)
class LocalProvider:
    """GGUF files. ``path`` is a directory of them, or the one that is meant whatever the model is called."""

    name: str = "local"
    path: str | None = None
    context: int = 4096
    threads: int | None = None
    gpu_layers: int = 0
    chat_format: str | None = None
    base_url: str = ""
    wire: str = "openai.chat"
    dialect: str = "local"
    package: str = "llama_cpp"
    simulated: bool = False

    def prepare(self, request: Request) -> dict[str, Any]:
        """The arguments of the call; raises where there is no such file, or nothing to run it with."""
        if find_spec("llama_cpp") is None:
            raise MissingPackage(
                "The package llama-cpp-python is not installed.",
                why="It runs GGUF models in this process.",
                hint='`pip install "llmkit[local]"` builds it (that needs a C++ compiler); or run a server and use '
                "`llamacpp/…` or `ollama/…`. Nothing was sent.",
            )
        file = self.file(request.model)
        if not file.is_file():
            raise ConfigError(
                f"There is no model file {file}.",
                why=f"{self.name}/{request.model} names a GGUF file.",
                hint="Write local//absolute/path.gguf, or set `path` in the configuration. Nothing was sent.",
            )
        with file.open("rb") as opened:
            begins = opened.read(len(_MAGIC))
        if begins != _MAGIC:
            raise ConfigError(
                f"{file} is no model that can be run here.",
                why="It is empty."
                if not begins
                else "A GGUF file begins with the letters GGUF, and this one does not.",
                hint="Download it again (a page of a web site is easily saved instead), or convert it to GGUF. "
                "Nothing was sent.",
            )
        if request.tools and self.chat_format != _CALLS:
            raise BadRequest(
                f"{self.name}/{request.model} can't be given tools.",
                why=matrix.why_not("local", "tools"),
                hint=f"Write `chat_format: {_CALLS}` for it in the configuration, if it was trained for that; or ask "
                "a server of it (`llamacpp/…`, `ollama/…`). Nothing was sent.",
            )
        if any(isinstance(part, ImagePart) for message in request.messages for part in message.parts):
            raise BadRequest(
                f"{self.name}/{request.model} can't be shown pictures.",
                why=matrix.why_not("local", "images"),
                hint="A server can do that: `llamacpp/…`, `ollama/…`. Nothing was sent.",
            )
        return wires.write(self.wire, request, dialect=self.dialect)

    def file(self, model: str) -> Path:
        """The file that a model's name means."""
        if self.path is None:
            return Path(model).expanduser()
        base = Path(self.path).expanduser()
        return base / model if base.is_dir() else base

    async def open(self, request: Request, body: Mapping[str, Any], clients: Clients) -> ObjectExchange:
        """Load the model if need be, and let it begin."""
        settings = (
            str(self.file(request.model)),
            self.context,
            self.threads,
            self.gpu_layers,
            self.chat_format,
        )
        loaded = clients.once(("llama", *settings), lambda: Loaded(*settings))
        return ObjectExchange(loaded.answer(body), stream=request.stream)


@dataclass(eq=False)
class Loaded:
    """One model in memory."""

    file: str
    context: int
    threads: int | None
    gpu_layers: int
    chat_format: str | None
    _llama: Any = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _one: threading.Lock = field(default_factory=threading.Lock)

    async def answer(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        """The chunks of an answer, made by a thread."""
        loop = asyncio.get_running_loop()
        made: asyncio.Queue[Any] = asyncio.Queue()
        stop = threading.Event()

        def hand(item: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(made.put_nowait, item)

        def work() -> None:
            try:
                with self._one:
                    self._stop = stop
                    if not stop.is_set():
                        self._run(body, hand, stop)
            except _Stopped:
                pass  # nobody listens any more
            except Exception as error:  # noqa: BLE001 - whatever the library raises ends the answer, not the thread
                hand(error)
            hand(_END)

        threading.Thread(target=work, name="llmkit-local", daemon=True).start()
        begun = False
        try:
            while (item := await made.get()) is not _END:
                if isinstance(item, Exception):
                    if not begun:
                        raise _fault(item)
                    yield error_chunk(str(item))
                    return
                begun = True
                yield item
        finally:
            stop.set()

    def _run(self, body: Mapping[str, Any], hand: Any, stop: threading.Event) -> None:
        llama = self._load()
        known = inspect.signature(llama.create_chat_completion).parameters
        arguments = {name: value for name, value in _for_llama(body).items() if name in known}
        answer = llama.create_chat_completion(**arguments)
        if not body.get("stream"):
            hand(answer)
            return
        try:
            for chunk in answer:
                if stop.is_set():
                    break
                hand(chunk)
        finally:
            answer.close()

    def _load(self) -> Any:
        if self._llama is None:
            import llama_cpp

            try:
                self._llama = llama_cpp.Llama(
                    model_path=self.file,
                    n_ctx=self.context,
                    n_threads=self.threads,
                    n_gpu_layers=self.gpu_layers,
                    chat_format=self.chat_format,
                    verbose=False,
                )
            except (ValueError, OSError, MemoryError) as error:
                raise _unloadable(self.file, error) from error
            if (sample := getattr(self._llama, "sample", None)) is not None:
                self._llama.sample = partial(self._sample_unless_stopped, sample)
        return self._llama

    def _sample_unless_stopped(self, sample: Callable[..., int], *given: Any, **named: Any) -> int:
        """The next token, unless nobody wants it any more: also an answer that comes whole ends early."""
        if self._stop.is_set():
            raise _Stopped
        return sample(*given, **named)

    async def aclose(self) -> None:
        """Free the memory, unless an answer is still being made."""
        if self._llama is not None and self._one.acquire(blocking=False):
            try:
                self._llama.close()
                self._llama = None
            finally:
                self._one.release()


class _Stopped(Exception):
    """Nobody wants the rest of the answer."""


def _unloadable(file: str, error: Exception) -> ConfigError:
    size = Path(file).stat().st_size
    return ConfigError(
        f"The model {file} could not be loaded.",
        why=f"llama.cpp says: {str(error)[:200] or type(error).__name__}. The file has {size:,} bytes.",
        hint="Compare its size with that of its source, for a download may be cut off; a model of a new kind wants a newer "
        "llama-cpp-python; a large one more memory. Nothing was asked.",
    )


def _for_llama(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as llama-cpp-python names things."""
    plain = dict(body)
    wanted = plain.get("response_format")
    if isinstance(wanted, Mapping) and wanted.get("type") == "json_schema":
        plain["response_format"] = {"type": "json_object", "schema": wanted["json_schema"]["schema"]}
    if "max_completion_tokens" in plain:
        plain["max_tokens"] = plain.pop("max_completion_tokens")
    return plain


def _fault(error: Exception) -> Exception:
    if isinstance(error, LLMKitError):
        return error
    if "exceed context window" in str(error) or "context window of" in str(error):
        return as_fault(400, str(error), code="context_length_exceeded")
    return as_fault(500 if isinstance(error, RuntimeError | OSError) else 400, f"llama.cpp: {error}")
