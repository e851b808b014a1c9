"""The ledger beside a provider's bill: a CSV that its console exports, compared by day and model.

The formats are data. A new one is a new :class:`Bill`; what they have in common is read here.
"""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.ledger.frame import pandas

if TYPE_CHECKING:
    import pandas as pd

NEEDS: Final = ("started", "provider", "model", "model_served", "cost", "currency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """How one provider writes its bill: which column holds what (the first that is there counts)."""

    name: str
    #: The providers of our ledger whose calls it bills.
    providers: tuple[str, ...]
    day: tuple[str, ...]
    cost: tuple[str, ...]
    item: tuple[str, ...]
    #: What a file must have to be one of these.
    known_by: tuple[str, ...]
    #: Only lines where this column holds one of these words (in lower case) count.
    only: tuple[str, tuple[str, ...]] | None = None


BILLS: Final = (
    Bill(
        name="OpenAI",
        providers=("openai",),
        known_by=("amount_value", "line_item"),
        day=("start_time_iso", "start_time"),
        cost=("amount_value",),
        item=("line_item",),
    ),
    Bill(
        name="Anthropic",
        providers=("anthropic",),
        known_by=("usage_date_utc", "cost_usd"),
        day=("usage_date_utc",),
        cost=("cost_usd",),
        item=("model",),
    ),
    Bill(
        name="Gemini",
        providers=("gemini", "vertex", "google"),
        known_by=("SKU description", "Usage start date"),
        day=("Usage start date",),
        cost=("Unrounded Cost ($)", "Unrounded subtotal ($)", "Cost ($)", "Subtotal ($)", "Cost"),
        item=("SKU description",),
        only=("Service description", ("gemini", "generative language", "vertex ai")),
    ),
)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A bill beside the ledger. ``table`` has a line for each day and model; "" is what the bill names no model for.

    ``difference`` is billed less ours: above 0, the bill knows of spending that the ledger doesn't.
    """

    provider: str
    since: date | None
    until: date | None
    billed: Decimal
    ours: Decimal
    unpriced: int
    skipped: int
    table: pd.DataFrame

    @property
    def difference(self) -> Decimal:
        """Billed less ours."""
        return self.billed - self.ours

    def __str__(self) -> str:
        if self.since is None:
            return f"The {self.provider} bill has no lines with a date and a cost."
        share = f" ({self.difference / self.billed:+.1%} of the bill)" if self.billed else ""
        lines = [
            f"{self.provider}, {self.since} to {self.until} (UTC): billed ${self.billed:.4f}, in the ledger "
            f"${self.ours:.4f}, difference ${self.difference:.4f}{share}."
        ]
        if self.unpriced:
            lines.append(f"The cost of {self.unpriced:,} attempts in that time is unknown and not in it.")
        if self.skipped:
            lines.append(f"{self.skipped:,} lines of the bill had no date or no cost that could be read.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"{self}\n{self.table.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{str(self).replace(chr(10), '<br>')}</p>{self.table.to_html(index=False, border=0)}"


def read_bill(path: str | os.PathLike[str]) -> tuple[Bill, dict[tuple[date, str], Decimal], int]:
    """Which provider's bill it is, its sums by day and item, and how many lines could not be read."""
    file = Path(path).expanduser()
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(
            f"The bill {file.name} can't be read.", why=str(error), hint="Give a CSV file."
        ) from None
    lines = csv.DictReader(text.splitlines(), dialect=_dialect(text))
    names = set(lines.fieldnames or ())
    bill = next((bill for bill in BILLS if set(bill.known_by) <= names), None)
    if bill is None:
        raise BadRequest(
            f"The bill {file.name} is in no format that is known here.",
            why=f"Its columns are: {', '.join(sorted(names)[:12]) or 'none'}.",
            hint=f"Known are the cost exports of {', '.join(one.name for one in BILLS)}.",
        )
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    skipped = 0
    for line in lines:
        if bill.only is not None and bill.only[0] in names:
            service = (line.get(bill.only[0]) or "").lower()
            if not any(word in service for word in bill.only[1]):
                continue
        written = _first(line, bill.cost)
        if not written:  # days without spending are in some bills, with nothing in them
            continue
        day, cost = _day(_first(line, bill.day)), _money(written)
        if day is None or cost is None:
            skipped += 1
            continue
        sums[day, _first(line, bill.item)] += cost
    return bill, dict(sums), skipped


def reconcile(frame: pd.DataFrame, path: str | os.PathLike[str]) -> Reconciliation:
    """Compare a usage table with a bill, over the days that the bill covers."""
    pd = pandas()
    bill, billed, skipped = read_bill(path)
    days = [day for day, _ in billed]
    since, until = (min(days), max(days)) if days else (None, None)
    day_of = frame["started"].dt.date
    mine = frame["provider"].isin(bill.providers)
    inside = mine & (day_of >= since) & (day_of <= until) if since else mine & False
    rows = frame[inside].assign(day=day_of[inside])
    models = {_plain(str(name)): str(name) for name in rows["model"].dropna().unique()}
    theirs: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for (day, item), cost in billed.items():
        theirs[day, _model(item, models)] += cost
    ours: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    counts: dict[tuple[date, str], int] = defaultdict(int)
    for day, model, cost in zip(
        rows["day"], rows["model"].astype("object"), rows["cost"].tolist(), strict=True
    ):
        counts[day, str(model)] += 1
        if cost == cost:  # noqa: PLR0124 - NaN is the one that isn't
            ours[day, str(model)] += Decimal(repr(cost))
    keys = sorted({*theirs, *ours, *counts})
    table = pd.DataFrame.from_records(
        [
            {
                "day": day,
                "model": model,
                "attempts": counts.get((day, model), 0),
                "billed": float(theirs.get((day, model), Decimal(0))),
                "ours": float(ours.get((day, model), Decimal(0))),
                "difference": float(
                    theirs.get((day, model), Decimal(0)) - ours.get((day, model), Decimal(0))
                ),
            }
            for day, model in keys
        ],
        columns=["day", "model", "attempts", "billed", "ours", "difference"],
    )
    return Reconciliation(
        provider=bill.name,
        since=since,
        until=until,
        billed=sum(theirs.values(), Decimal(0)),
        ours=sum(ours.values(), Decimal(0)),
        unpriced=int(rows["cost"].isna().sum()),
        skipped=skipped,
        table=table,
    )


def _dialect(text: str) -> type[csv.Dialect]:
    first = text.partition("\n")[0]
    return csv.excel_tab if first.count("\t") > first.count(",") else csv.excel


def _first(line: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((str(line[name]).strip() for name in names if line.get(name)), "")


def _day(written: str) -> date | None:
    try:
        if written.isdigit():
            return datetime.fromtimestamp(int(written), UTC).date()
        moment = datetime.fromisoformat(written)
    except (ValueError, OSError, OverflowError):
        return None
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()


def _money(written: str) -> Decimal | None:
    try:
        cost = Decimal(written.replace(",", "").lstrip("$"))
    except InvalidOperation:
        return None
    return cost if cost.is_finite() else None


_DATE: Final = re.compile(r"-20\d{2}-?\d{2}-?\d{2}$")


def _plain(name: str) -> str:
    """A model's name as it can be compared: "Claude Sonnet 4.5" is claude-sonnet-4-5.

    >>> _plain("Claude Sonnet 4.5"), _plain("gpt-4o-2024-08-06")
    ('claude-sonnet-4-5', 'gpt-4o')
    """
    return _DATE.sub("", re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"))


def _model(item: str, known: dict[str, str]) -> str:
    """The model that a line of a bill is about: one of ours if its name is in it, the longest that fits."""
    # OpenAI writes "gpt-4o-2024-08-06, input", Google "Gemini 3.8 Flash Text Input - Predictions".
    plain = _plain(item.partition(",")[0])
    fitting = [name for name in known if plain == name or plain.startswith(f"{name}-")]
    # "gpt-5-mini" begins like "gpt-5" and is another model: only words that are no models may follow.
    for name in sorted(fitting, key=len, reverse=True):
        rest = plain[len(name) :].strip("-")
        if not rest or re.match(
            r"(?:text|image|audio|video|input|output|cached?|thinking|predictions|long|short)\b", rest
        ):
            return known[name]
    return item.partition(",")[0].strip()
