"""Prompt caches: which prefix of a prompt this simulator has read before. It remembers hashes only."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict, deque

from llmkit.sim.exchange import Ask
from llmkit.sim.tokens import count

#: Providers cache nothing shorter, and lengthen in steps.
MINIMUM = 1024
_STEP = 512  # characters: about 128 tokens
_REMEMBERED = 20_000


class PromptCache:
    """Counts cached tokens as providers do: automatic prefixes, or what the client marked."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        self._lengths: deque[int] = deque(maxlen=64)  # of the prefixes that clients marked
        self._lock = threading.Lock()

    def look(self, ask: Ask) -> tuple[int, int]:
        """Tokens read from the cache and written to it by this request."""
        if ask.cached_prefix is not None:
            return self._marked(ask.model.name, ask.cached_prefix)
        text = ask.context
        if len(text) < 4 * MINIMUM - _STEP:
            return 0, 0
        return self._automatic(ask.model.name, text), 0

    def _automatic(self, model: str, text: str) -> int:
        digest = hashlib.blake2b(model.encode(), digest_size=16)
        longest = 0
        prefixes: list[bytes] = []
        for start in range(0, len(text) - _STEP + 1, _STEP):
            digest.update(text[start : start + _STEP].encode())
            prefixes.append(digest.digest())
        with self._lock:
            for steps, prefix in enumerate(prefixes, 1):
                if prefix in self._seen:
                    longest = steps
            for prefix in prefixes:
                self._remember(prefix, 0)
        tokens = count(text[: longest * _STEP]) // 128 * 128
        return tokens if tokens >= MINIMUM else 0

    def _marked(self, model: str, prefix: str) -> tuple[int, int]:
        tokens = count(prefix)
        if tokens < MINIMUM:
            return 0, 0
        digest = hashlib.blake2b(model.encode(), digest_size=16)
        read = at = 0
        with self._lock:
            for length in sorted({n for n in self._lengths if n <= len(prefix)} | {len(prefix)}):
                digest.update(prefix[at:length].encode())
                at = length
                if self._seen.get(digest.digest()) == length:
                    read = length
            self._remember(digest.digest(), len(prefix))
            self._lengths.append(len(prefix))
        tokens_read = count(prefix[:read])
        return tokens_read, tokens - tokens_read

    def _remember(self, prefix: bytes, length: int) -> None:
        self._seen[prefix] = length
        self._seen.move_to_end(prefix)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
