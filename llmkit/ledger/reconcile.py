"""The ledger beside a provider's bill: a CSV that its console exports, compared by day and model.

The formats are data, in ``bills.py``; what they have in common is read here.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmkit.core.errors import BadRequest
from llmkit.ledger.bills import BILLS, Bill
from llmkit.ledger.frame import pandas
from llmkit.ledger.words import attempts

if TYPE_CHECKING:
    import pandas as pd

NEEDS: Final = ("started", "provider", "model", "model_served", "cost", "currency")


#: Before the line of its columns, a bill may say so many lines about itself.
_PREFACE: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """What a bill says: sums by day and item, the days it is about, and how much of it could not be taken so."""

    bill: Bill
    sums: Mapping[tuple[date, str], Decimal]
    since: date | None = None
    until: date | None = None
    #: Are its lines about single days, and do they name models?
    daily: bool = True
    itemised: bool = True
    credits: Decimal = Decimal(0)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A bill beside the ledger. ``table`` has a line for each day and model; "" is what the bill names no model for. A
    bill whose lines are about whole months is compared by model alone, one without models by day alone.

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
    credits: Decimal = Decimal(0)
    zone: str = "UTC"
    by: str = "day and model"

    @property
    def difference(self) -> Decimal:
        """Billed less ours."""
        return self.billed - self.ours

    def __str__(self) -> str:
        if self.since is None:
            return f"The {self.provider} bill has no lines with a date and a cost."
        share = f" ({self.difference / self.billed:+.1%} of the bill)" if self.billed else ""
        lines = [
            f"{self.provider}, {self.since} to {self.until} ({self.zone}): billed ${self.billed:.4f}, in the ledger "
            f"${self.ours:.4f}, difference ${self.difference:.4f}{share}."
        ]
        if self.by != "day and model":
            lines.append(f"This bill can be compared by {self.by} alone: its lines say no more.")
        if self.credits:
            lines.append(
                f"Credits of ${-self.credits:.4f} were taken off the bill; they are not in these figures."
            )
        if self.unpriced:
            lines.append(f"The cost of {attempts(self.unpriced)} in that time is unknown and not in it.")
        if self.skipped:
            lines.append(f"{self.skipped:,} lines of the bill had no date or no cost that could be read.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"{self}\n{self.table.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{str(self).replace(chr(10), '<br>')}</p>{self.table.to_html(index=False, border=0)}"


def read_bill(path: str | os.PathLike[str]) -> Billed:
    """Which provider's bill it is, and what it says."""
    file = Path(path).expanduser()
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(
            f"The bill {file.name} can't be read.", why=str(error), hint="Give a CSV file."
        ) from None
    preface: dict[str, str] = {}
    cells = csv.reader(io.StringIO(text, newline=""), dialect=_dialect(text))
    try:
        for number, line in enumerate(cells):
            names = [name.strip().lower() for name in line]
            if (bill := next((bill for bill in BILLS if set(bill.known_by) <= set(names)), None)) is not None:
                return _billed(bill, [dict(zip(names, cell, strict=False)) for cell in cells], preface)
            if number == _PREFACE:
                break
            preface |= {names[0]: line[1].strip()} if len(line) > 1 else {}
    except csv.Error as error:
        raise BadRequest(f"The bill {file.name} can't be read.", why=str(error)) from None
    first = next(csv.reader(text.splitlines()[:1]), [])
    raise BadRequest(
        f"The bill {file.name} is in no format that is known here.",
        why=f"Its first line has: {', '.join(first[:12]) or 'nothing'}.",
        hint=f"Known are the cost exports of {', '.join(dict.fromkeys(one.name for one in BILLS))}.",
    )


def _billed(bill: Bill, lines: Sequence[Mapping[str, str]], preface: Mapping[str, str]) -> Billed:
    """What the lines of a bill come to."""
    rate = _rate(preface)
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    found = Billed(bill=bill, sums=sums)
    days: set[date] = set()
    for line in lines:
        if bill.only is not None and bill.only[0] in line:
            service = line[bill.only[0]].lower()
            if not any(word in service for word in bill.only[1]):
                continue
        written = _first(line, bill.cost)
        if not written:  # days without spending are in some bills, with nothing in them
            continue
        day, cost = _day(_first(line, bill.day)), _money(written)
        if day is None or cost is None:
            found = replace(found, skipped=found.skipped + 1)
            continue
        if (currency := _first(line, bill.currency).upper()) not in ("", "USD"):
            raise _foreign(currency)
        if bill.credit and line.get(bill.credit):
            found = replace(found, credits=found.credits + cost / rate)
            continue
        last = _day(_first(line, bill.until)) or day
        days |= {day, last}
        found = replace(found, daily=found.daily and last <= day + timedelta(days=1))
        sums[day, _first(line, bill.item)] += cost / rate
    itemised = not sums or any(item for _, item in sums)
    return replace(found, since=min(days, default=None), until=max(days, default=None), itemised=itemised)


def _rate(preface: Mapping[str, str]) -> Decimal:
    """How much of the bill's currency a dollar is, as the bill itself says."""
    currency = preface.get("currency", "USD").upper()
    if currency == "USD":
        return Decimal(1)
    rate = _money(preface.get("currency exchange rate", ""))
    if not rate or rate <= 0:
        raise _foreign(currency)
    return rate


def _foreign(currency: str) -> BadRequest:
    return BadRequest(
        f"The bill is in {currency}.", why="The ledger is in dollars, and the bill tells no rate of exchange."
    )


def reconcile(frame: pd.DataFrame, path: str | os.PathLike[str]) -> Reconciliation:
    """Compare a usage table with a bill, over the days that the bill covers."""
    pd = pandas()
    found = read_bill(path)
    bill, since = found.bill, found.since
    day_of = frame["started"].dt.tz_convert(bill.zone).dt.date
    mine = frame["provider"].isin(bill.providers)
    inside = mine & (day_of >= since) & (day_of <= found.until) if since else mine & False
    rows = frame[inside].assign(day=day_of[inside])
    models = {_plain(str(name)): str(name) for name in rows["model"].dropna().unique()}

    def key(day: date, model: str) -> tuple[date, str]:
        """Under what a cost is compared: no finer than the bill is."""
        return (day if found.daily or since is None else since), (model if found.itemised else "")

    theirs: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for (day, item), cost in found.sums.items():
        theirs[key(day, _model(item, models))] += cost
    ours: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    counts: dict[tuple[date, str], int] = defaultdict(int)
    for day, model, cost in zip(
        rows["day"], rows["model"].astype("object"), rows["cost"].tolist(), strict=True
    ):
        counts[key(day, str(model))] += 1
        if cost == cost:  # noqa: PLR0124 - NaN is the one that isn't
            ours[key(day, str(model))] += Decimal(repr(cost))
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
            for day, model in sorted({*theirs, *ours, *counts})
        ],
        columns=["day", "model", "attempts", "billed", "ours", "difference"],
    )
    by = [name for name, has in (("day", found.daily), ("model", found.itemised)) if has]
    return Reconciliation(
        provider=bill.name,
        since=since,
        until=found.until,
        billed=sum(theirs.values(), Decimal(0)),
        ours=sum(ours.values(), Decimal(0)),
        unpriced=int(rows["cost"].isna().sum()),
        skipped=found.skipped,
        table=table,
        credits=found.credits,
        zone=bill.zone,
        by=" and ".join(by) or "its sum",
    )


def _dialect(text: str) -> type[csv.Dialect]:
    first = text.partition("\n")[0]
    return csv.excel_tab if first.count("\t") > first.count(",") else csv.excel


def _first(line: Mapping[str, Any], names: tuple[str, ...]) -> str:
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
    # OpenAI writes "gpt-4o-2024-08-06, input", Google "Gemini 3.8 Flash Text Input - Predictions" or "Generate content
    # output token count for gemini 2.5 flash lite short input text".
    plain = _plain(item.partition(",")[0])
    for name in sorted(known, key=len, reverse=True):
        # "gpt-5-mini" begins like "gpt-5" and is another model: only words that are no models may follow.
        if re.search(rf"(?:^|-(?:count|for)-){re.escape(name)}(?:$|-(?:{_NO_MODELS})\b)", plain):
            return known[name]
    return item.partition(",")[0].strip()


_NO_MODELS: Final = (
    "text|audio|video|input|output|cached?|caching|thinking|predictions|long|short|batch|flex|priority|global|"
    "image-(?:input|output|batch|flex|caching)|image$|preview-(?:text|image|audio)"
)
