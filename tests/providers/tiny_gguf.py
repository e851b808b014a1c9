"""A model of a few hundred kilobytes with random weights, written as GGUF: its words are nonsense, all else is real."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

_WIDTH, _LAYERS, _HEADS, _ROOM = 32, 1, 2, 512
_STRING, _ARRAY, _U32, _I32, _F32, _BOOL = 8, 9, 4, 5, 6, 7
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_ALIGNED = 32
_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def write(path: Path, seed: int = 7) -> Path:
    """Write it; another seed is another model."""
    import numpy as np

    words = [*"▁abcdefghijklmnopqrstuvwxyz", "▁the", "▁and", "▁sky", "▁blue"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * len(words)]
    scores = [0.0] * 259 + [-float(rank) for rank in range(len(words))]
    about: list[tuple[str, int, Any]] = [
        ("general.architecture", _STRING, "llama"),
        ("llama.context_length", _U32, _ROOM),
        ("llama.embedding_length", _U32, _WIDTH),
        ("llama.block_count", _U32, _LAYERS),
        ("llama.feed_forward_length", _U32, 2 * _WIDTH),
        ("llama.attention.head_count", _U32, _HEADS),
        ("llama.attention.layer_norm_rms_epsilon", _F32, 1e-5),
        ("llama.rope.dimension_count", _U32, _WIDTH // _HEADS),
        ("tokenizer.ggml.model", _STRING, "llama"),
        ("tokenizer.ggml.tokens", _ARRAY, (_STRING, tokens)),
        ("tokenizer.ggml.scores", _ARRAY, (_F32, scores)),
        ("tokenizer.ggml.token_type", _ARRAY, (_I32, kinds)),
        ("tokenizer.ggml.bos_token_id", _U32, 1),
        ("tokenizer.ggml.eos_token_id", _U32, 2),
        ("tokenizer.ggml.add_bos_token", _BOOL, True),
        ("tokenizer.chat_template", _STRING, _TEMPLATE),
    ]
    shapes = {"token_embd.weight": (len(tokens), _WIDTH), "output_norm.weight": (_WIDTH,)}
    shapes["output.weight"] = (len(tokens), _WIDTH)
    for layer in range(_LAYERS):
        shapes |= {f"blk.{layer}.{norm}_norm.weight": (_WIDTH,) for norm in ("attn", "ffn")}
        shapes |= {f"blk.{layer}.attn_{name}.weight": (_WIDTH, _WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {f"blk.{layer}.ffn_{name}.weight": (2 * _WIDTH, _WIDTH) for name in ("gate", "up")}
        shapes[f"blk.{layer}.ffn_down.weight"] = (_WIDTH, 2 * _WIDTH)
    chance = np.random.default_rng(seed)
    weights = {
        name: (np.ones(shape) if "norm" in name else chance.standard_normal(shape) * 0.4)
        .astype("<f4")
        .tobytes()
        for name, shape in shapes.items()
    }
    head = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(about))
    head += b"".join(
        _text(name) + struct.pack("<I", kind) + _value(kind, value) for name, kind, value in about
    )
    at = 0
    for name, data in weights.items():
        shape = shapes[name][::-1]
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, at)
        at += len(data) + -len(data) % _ALIGNED
    body = b"".join(data + bytes(-len(data) % _ALIGNED) for data in weights.values())
    path.write_bytes(head + bytes(-len(head) % _ALIGNED) + body)
    return path


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind: int, value: Any) -> bytes:
    if kind == _ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(_value(inner, item) for item in items)
    if kind == _STRING:
        return _text(value)
    return struct.pack({_U32: "<I", _I32: "<i", _F32: "<f", _BOOL: "<?"}[kind], value)
