"""From an HTTP request to the plan of its response: routing, checks, faults, answers. No sockets."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmkit.sim import (
    anthropic,
    faults,
    gemini,
    guard,
    listings,
    openai_chat,
    openai_responses,
    parameters,
    refusals,
)
from llmkit.sim.answers import answer, flood
from llmkit.sim.dialects import OPENAI
from llmkit.sim.exchange import Answer, Ask, Reject, Wire
from llmkit.sim.faults import Faults
from llmkit.sim.frames import Frame, Rendering, dumps
from llmkit.sim.http import HTTPRequest
from llmkit.sim.journal import Seen
from llmkit.sim.mint import Mint
from llmkit.sim.mischief import spoil
from llmkit.sim.models import SimModel, find
from llmkit.sim.player import Plan, Write, joined
from llmkit.sim.promptcache import PromptCache
from llmkit.sim.routes import Route, route
from llmkit.sim.script import Prompter, Say

_KEPT_BYTES = 64 * 1024 * 1024
#: Bodies too short for a prompt cache: the same one always gets the same bill.
_SHORT = 3 * 1024
_GREETING = (
    b"The llmkit simulator. OpenAI clients: this address plus /v1. Anthropic and Gemini clients: this address.\n"
    b"GET /v1/models lists the models; docs/simulator.md tells the rest.\n"
)
_SSE = "text/event-stream; charset=utf-8"
_WIRES: Mapping[Wire, Any] = {
    "anthropic.messages": anthropic,
    "openai.chat": openai_chat,
    "openai.responses": openai_responses,
    "gemini.generate": gemini,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a simulator behaves; see :class:`llmkit.sim.Simulator`."""

    seed: int = 0
    pace: float | None = 1.0  # a factor; None: at once
    chaos: faults.Chaos | None = None
    prompt_faults: bool = False
    signatures: str = "checked"
    token: str | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A request for an answer, read and let in."""

    request: HTTPRequest
    where: Route
    seen: Seen
    ask: Ask
    tokens: int  # of the prompt: counting a long one twice would be felt
    wanted: Faults


class Service:
    """Answers requests. Shared by all connections of one simulator, used from its loop only."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.prompter = Prompter()
        self.cache = PromptCache()
        self.created = int(time.time())
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, list[Write]] = OrderedDict()
        self._kept_bytes = 0
        self._number = 0

    def forget(self) -> None:
        """Begin again: counts of ``fails`` and chaos, prompt caches, the script."""
        self.prompter.clear()
        self.cache = PromptCache()
        self._asked.clear()

    # -- a request ----------------------------------------------------------------------------

    def plan(self, request: HTTPRequest, seen: Seen) -> Plan:
        """The response to a request that was let in."""
        self._number += 1
        if request.path == "/":
            return Plan(200, [("content-type", "text/plain; charset=utf-8")], _GREETING)
        where = route(request.path, request.query, request.headers)
        if where is None:
            return self._refuse("openai.chat", Reject(404, f"Invalid URL ({request.method} {request.path})"))
        seen.wire, seen.dialect = where.wire, where.dialect.name
        try:
            # OpenRouter's list is open to all; a key is looked at by a path of its own.
            if where.operation != "models" or where.dialect.name != "openrouter":
                self._check_key(request, where.wire)
            if where.operation == "models":
                return self._models(where)
            if where.operation == "key":
                return self._plain(where.wire, {"data": {"label": "simulated", "usage": 0, "limit": None}})
            if request.method != "POST":
                raise Reject(405, f"Method {request.method} is not allowed here.")
            return self._operate(request, where, seen)
        except Reject as reject:
            return self._refuse(where.wire, reject, where)

    def refuse(self, request: HTTPRequest, reject: Reject) -> Plan:
        """A refusal from before the request was looked at."""
        where = route(request.path, request.query, request.headers)
        return self._refuse(where.wire if where else "openai.chat", reject, where)

    def _refuse(self, wire: Wire, reject: Reject, where: Route | None = None) -> Plan:
        dialect = where.dialect if where is not None else OPENAI
        status, headers, body = refusals.written(wire, reject, dialect)
        return Plan(status, self._headers(wire, headers), body)

    def _check_key(self, request: HTTPRequest, wire: Wire) -> None:
        key = guard.key_of(request.headers, request.query)
        token = self.settings.token
        if key == guard.BAD_KEY or (token is not None and not guard.same(key, token)):
            raise refusals.bad_key(wire)

    def _models(self, where: Route) -> Plan:
        listed = listings.listing(where.wire, where.dialect, where.model)
        if listed is None:
            raise refusals.no_such_model(where.wire, where.model)
        return self._plain(where.wire, listed)

    def _plain(self, wire: Wire, answer: Mapping[str, Any]) -> Plan:
        headers = self._headers(wire, [("content-type", "application/json")])
        return Plan(200, headers, dumps(answer).encode())

    # -- a generation -------------------------------------------------------------------------

    def _operate(self, request: HTTPRequest, where: Route, seen: Seen) -> Plan:
        body = _json(request.body)
        seen.json = body
        written = where.model or body.get("model")
        if not isinstance(written, str) or not written:
            raise _missing_model(where.wire)
        try:
            name, spec = faults.split_name(written)
            model = find(name)
            wanted = self._faults(request, spec, body)
        except ValueError as error:
            raise Reject(400, str(error)) from None
        seen.model, seen.fault = written, wanted.spec
        if model.name.startswith("no-such-model"):
            raise refusals.no_such_model(where.wire, name)
        if (refused := self._refused(where, wanted)) is not None:
            return refused
        unfit = parameters.refused(where.wire, name, body, wanted.items.get("refuse", ""))
        if unfit is not None:
            raise unfit
        ask = self._parse(where, body, request.headers, model, name)
        tokens = ask.input_tokens
        if where.operation == "count":
            return self._count(ask.wire, tokens)
        if tokens > model.context:
            raise refusals.too_long(where.wire, tokens, model.context)
        self._check_thinking(ask)
        return self._answer(_Job(request, where, seen, ask, tokens, wanted))

    def _refused(self, where: Route, wanted: Faults) -> Plan | None:
        """The error that the faults want in place of an answer, if they do."""
        refusal = refusals.faulted(where.wire, where.dialect, wanted, self._failing(wanted))
        if refusal is None:
            return None
        status, headers, body = refusal
        headers = self._headers(where.wire, headers)
        return Plan(status, headers, body, wait=wanted.number("delay"), faults=wanted)

    def _scripted_fault(self, text: str, seen: Seen) -> Faults:
        seen.fault = text
        try:
            return faults.parse(text)
        except faults.BadFault as error:
            raise Reject(500, f"The script has a fault that isn't one. {error}") from None

    def _faults(self, request: HTTPRequest, spec: str, body: Mapping[str, Any]) -> Faults:
        """What shall go wrong: the model's name first, then the header, the prompt, chance."""
        chosen = spec or request.headers.get("x-sim-fault", "")
        if not chosen and self.settings.prompt_faults:
            chosen = faults.in_prompt(dumps(body))
        if chosen:
            return faults.parse(chosen)
        chaos = self.settings.chaos
        if "x-sim-chaos" in request.headers:
            chaos = faults.chaos(request.headers["x-sim-chaos"])
        if chaos is None:
            return faults.NONE
        key = hashlib.blake2b(request.body, digest_size=12).hexdigest()
        with self._lock:
            self._asked[key] += 1
            nth = self._asked[key]
        return faults.parse(chaos.draw(key, nth))

    def _failing(self, wanted: Faults) -> bool:
        """Is this one of the first requests, which ``fails`` lets down?"""
        if "fails" not in wanted:
            return False
        with self._lock:
            self._asked[f"fails {wanted.spec}"] += 1
            return self._asked[f"fails {wanted.spec}"] <= wanted.number("fails", 1, 1)

    def _parse(
        self, where: Route, body: dict[str, Any], headers: Mapping[str, str], model: SimModel, name: str
    ) -> Ask:
        match where.wire:
            case "anthropic.messages":
                counting = where.operation == "count"
                return anthropic.parse(body, headers, model, name, counting=counting)
            case "openai.chat":
                return openai_chat.parse(body, headers, model, name, where.dialect)
            case "openai.responses":
                return openai_responses.parse(body, headers, model, name, where.dialect)
            case "gemini.generate":
                inner = body.get("generateContentRequest") if where.operation == "count" else None
                given = inner if isinstance(inner, dict) else body
                return gemini.parse(given, headers, model, name, stream=where.stream)

    def _check_thinking(self, ask: Ask) -> None:
        if ask.model.strict or self.settings.signatures == "required":
            _WIRES[ask.wire].check_thinking(ask)

    def _count(self, wire: Wire, n: int) -> Plan:
        counted: dict[str, Any]
        match wire:
            case "anthropic.messages":
                counted = {"input_tokens": n}
            case "gemini.generate":
                details = [{"modality": "TEXT", "tokenCount": n}]
                counted = {"totalTokens": n, "promptTokensDetails": details}
            case _:
                counted = {"object": "response.input_tokens", "input_tokens": n}
        headers = self._headers(wire, [("content-type", "application/json")])
        return Plan(200, headers, dumps(counted).encode())

    def _answer(self, job: _Job) -> Plan:
        ask, where, wanted = job.ask, job.where, job.wanted
        key = self._key(job)
        rate, wait = self._pace(ask.model, job.request.headers)
        plain = not wanted and not self.prompter
        keeps = plain and ask.stream and where.sse and not rate and len(job.request.body) < _SHORT
        if keeps and (kept := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            headers = self._headers(ask.wire, [("content-type", _SSE), ("cache-control", "no-cache")])
            return Plan(200, headers, steps=[], writes=kept, wait=wait)
        line = self.prompter.line(ask)
        if line is not None and line.fault:
            wanted = self._scripted_fault(line.fault, job.seen)
            if (refused := self._refused(where, wanted)) is not None:
                return refused
        made = self._say(replace(job, wanted=wanted), line)
        ask = flood(ask, wanted)
        mint = Mint(key, self.created)
        plan = Plan(200, [], rate=rate, wait=wait + wanted.number("delay"), faults=wanted)
        plan.per_chunk, plan.seed = ask.model.per_chunk, self.settings.seed
        if not ask.stream or "document" in wanted:
            self._as_document(plan, ask, made, mint)
        else:
            rendering = _WIRES[ask.wire].render(ask, made, mint)
            self._as_stream(plan, ask, where, rendering)
            if keeps:
                self._keep(plan, key)
        return plan

    def _say(self, job: _Job, line: Say | None) -> Answer:
        scripted = None if line is None else line.draft()
        made = answer(job.ask, seed=self.settings.seed, faults=job.wanted, scripted=scripted)
        read, write = self.cache.look(job.ask)
        total = max(job.tokens, read + write)
        count = replace(made.count, input=total, cache_read=read, cache_write=write)
        usage_fault = job.wanted.items.get("usage", "")
        return replace(made, count=count, usage_fault=usage_fault)

    def _as_document(self, plan: Plan, ask: Ask, made: Answer, mint: Mint) -> None:
        document = _WIRES[ask.wire].document(ask, made, mint)
        plan.body = dumps(document).encode()
        plan.tokens = made.count.output
        if plan.rate:
            plan.wait += made.count.output / plan.rate
        plan.headers = self._headers(ask.wire, [("content-type", "application/json")])

    def _as_stream(self, plan: Plan, ask: Ask, where: Route, rendering: Rendering) -> None:
        content_type = _SSE
        if not where.sse:
            rendering, content_type = gemini.as_array(rendering), "application/json; charset=UTF-8"
        plan.steps, plan.ends = spoil(rendering, plan.faults)
        plan.more = rendering.text
        content_type = plan.faults.items.get("content-type", content_type)
        plan.headers = self._headers(
            ask.wire, [("content-type", content_type), ("cache-control", "no-cache")]
        )

    def _keep(self, plan: Plan, key: bytes) -> None:
        """Remember the rendered stream: a benchmark that asks the same again gets it without work."""
        frames = [step for step in plan.steps or () if isinstance(step, Frame)]
        plan.writes = joined(frames, plan.per_chunk)
        self._kept[key] = plan.writes
        self._kept_bytes += sum(w.size for w in plan.writes)
        while len(self._kept) > 1 and self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= sum(w.size for w in self._kept.popitem(last=False)[1])

    def _key(self, job: _Job) -> bytes:
        """What the answer depends on, in one hash: the ids of an answer follow from it."""
        parts = f"{self.settings.seed}|{job.ask.wire}|{job.where.dialect.name}|{job.request.target}|{job.ask.name}|"
        return hashlib.blake2b(parts.encode() + job.request.body, digest_size=32).digest()

    def _pace(self, model: SimModel, headers: Mapping[str, str]) -> tuple[float, float]:
        """Tokens a second (0: at once) and seconds before the first."""
        pace = self.settings.pace
        if "x-sim-pace" in headers:
            try:
                pace = read_pace(headers["x-sim-pace"])
            except ValueError as error:
                raise Reject(400, str(error)) from None
        if pace is None:
            return 0.0, 0.0
        return model.rate * pace, model.ttft / pace

    def _headers(self, wire: Wire, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """What every response carries: ids, limits, and the mark that it is simulated."""
        left = str(max(0, 9_999 - self._number % 10_000))
        made = [*headers, ("x-llmkit-simulated", "1")]
        number = f"{self._number:08d}"
        if wire == "anthropic.messages":
            return [
                *made,
                ("request-id", f"req_011sim{number}"),
                ("anthropic-ratelimit-requests-limit", "10000"),
                ("anthropic-ratelimit-requests-remaining", left),
                ("anthropic-ratelimit-tokens-limit", "2000000"),
                ("anthropic-ratelimit-tokens-remaining", "2000000"),
            ]
        if wire == "gemini.generate":
            return [*made, ("server-timing", "gfet4t7; dur=1"), ("x-request-id", f"sim{number}")]
        return [
            *made,
            ("x-request-id", f"req_sim{number}"),
            ("openai-processing-ms", "1"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", left),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-tokens", "2000000"),
            ("x-ratelimit-reset-requests", "6ms"),
        ]


def read_pace(text: str | float) -> float | None:
    """``instant`` (None), ``model`` (1.0), or a factor.

    >>> read_pace("instant"), read_pace("model"), read_pace("10")
    (None, 1.0, 10.0)
    """
    if text == "instant":
        return None
    try:
        factor = 1.0 if text == "model" else float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise ValueError(f"A pace is 'instant', 'model' or a positive factor, not {text!r}.")
    return factor


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        raise Reject(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(value, dict):
        raise Reject(400, "The body of the request must be a JSON object.")
    return value


def _missing_model(wire: Wire) -> Reject:
    if wire == "anthropic.messages":
        return Reject(400, "model: Field required")
    return Reject(
        400,
        "Missing required parameter: 'model'.",
        kind="invalid_request_error",
        code="missing_required_parameter",
        param="model",
    )
