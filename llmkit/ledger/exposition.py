"""The ledger's sums in the text format that Prometheus reads: counters by provider and model, speed, budgets.

What is unknown has no sample, and is counted beside: an unknown cost is no 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from llmkit.ledger import sums
from llmkit.ledger.allowance import Allowance

if TYPE_CHECKING:
    import pandas as pd

NEEDS: Final = ("provider", "model", "simulated", "ttft", "duration", *sums.NEEDED)
_BY: Final = ("provider", "model", "simulated")
_QUANTILES: Final = (0.5, 0.95)

Sample = tuple[str, Mapping[str, str], float | int]


def text(frame: pd.DataFrame, budgets: Sequence[Allowance] = ()) -> str:
    """All families, in Prometheus's text format.

    >>> from llmkit.ledger import Ledger
    >>> from llmkit.ledger.frame import usage
    >>> text(usage(Ledger.open(":memory:")))
    ''
    """
    lines: list[str] = []
    for name, kind, about, samples in _families(frame, budgets):
        written = [f"{sample}{_labels(labels)} {value}" for sample, labels, value in samples]
        if written:
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}", *written]
    return "\n".join([*lines, ""]) if lines else ""


def _families(
    frame: pd.DataFrame, budgets: Sequence[Allowance]
) -> Iterator[tuple[str, str, str, Iterable[Sample]]]:
    counted = frame.assign(currency="USD")  # where only tokens and attempts are added, money need not fit
    by_status = _rows(counted, *_BY, "status")
    by_model = _rows(counted, *_BY)
    by_money = _rows(frame, *_BY, "currency")
    name = "llmkit_attempts_total"
    yield (
        name,
        "counter",
        "Attempts, by how they ended.",
        ((name, _named(row, *_BY, "status"), row["attempts"]) for row in by_status),
    )
    # Reasoning is a part of the output: in one family with the others it would be summed twice.
    for name, about, classes in (
        (
            "llmkit_tokens_total",
            "Tokens, by classes that do not overlap.",
            ("input", "cache_read", "cache_write", "output"),
        ),
        ("llmkit_reasoning_tokens_total", "Tokens of reasoning, which are output too.", ("reasoning",)),
    ):
        yield (
            name,
            "counter",
            about,
            (
                (name, _named(row, *_BY) | ({"class": one} if len(classes) > 1 else {}), row[one])
                for row in by_model
                for one in classes
                if row[one] is not None
            ),
        )
    name = "llmkit_cost_total"
    yield (
        name,
        "counter",
        "What attempts cost, as far as that is known.",
        (
            (name, _named(row, *_BY, "currency"), row["cost"])
            for row in by_money
            if row["cost"] is not None and row["currency"] is not None
        ),
    )
    for name, about, column in (
        ("llmkit_unpriced_attempts_total", "Attempts whose cost is unknown.", "unpriced"),
        ("llmkit_unmetered_attempts_total", "Attempts whose tokens are unknown.", "unmetered"),
    ):
        yield name, "counter", about, ((name, _named(row, *_BY), row[column]) for row in by_model)
    whole = frame[frame["status"] == "ok"] if len(frame) else frame
    for name, about, column in (
        ("llmkit_first_token_seconds", "Time to the first token of whole answers.", "ttft"),
        ("llmkit_duration_seconds", "Time of whole answers.", "duration"),
    ):
        yield name, "summary", about, _speeds(whole, name, column)
    for name, about, field in (
        ("llmkit_budget_limit_dollars", "What may be spent.", "limit"),
        ("llmkit_budget_spent_dollars", "What is spent of it.", "spent"),
    ):
        yield (
            name,
            "gauge",
            about,
            ((name, {"budget": one.name}, float(getattr(one, field))) for one in budgets),
        )


def _rows(frame: pd.DataFrame, *columns: str) -> list[dict[str, Any]]:
    if frame.empty:
        return []
    known = sums.by(frame, *columns)
    return [
        {key: None if value is None or value != value else value for key, value in row.items()}  # noqa: PLR0124 - NaN
        for row in known.astype("object").where(known.notna(), None).to_dict("records")
    ]


def _speeds(frame: pd.DataFrame, name: str, column: str) -> Iterator[Sample]:
    for keys, rows in frame.groupby(list(_BY), observed=True):
        known = rows[column].dropna()
        if not len(known):
            continue
        labels = _named(dict(zip(_BY, keys, strict=True)), *_BY)
        for share in _QUANTILES:
            yield name, labels | {"quantile": f"{share:g}"}, float(known.quantile(share))
        yield f"{name}_sum", labels, float(known.sum())
        yield f"{name}_count", labels, len(known)


def _named(row: Mapping[str, Any], *columns: str) -> dict[str, str]:
    return {name: _word(row[name]) for name in columns if row[name] is not None}


def _word(value: Any) -> str:
    return (
        str(bool(value)).lower() if isinstance(value, bool) or str(value) in ("True", "False") else str(value)
    )


def _labels(labels: Mapping[str, str]) -> str:
    written = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{written}}}" if written else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
