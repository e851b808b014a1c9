"""``llmkit.prices``: what models cost, as a table, side by side for a call, as a plot; and what is going to change.

Which list says what lives in ``models/pricelist.py``, a newer list in ``models/priceupdate.py``; what a call did cost is in
the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmkit.core.errors import BadRequest
from llmkit.core.usage import Cost, Usage
from llmkit.engine import known
from llmkit.engine.session import default_session
from llmkit.ledger.frame import pandas
from llmkit.models import pricelist, priceupdate
from llmkit.models.prices import Overrides, cost_of, own_price

if TYPE_CHECKING:
    import pandas as pd

    from llmkit.engine.session import Session

_CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
COLUMNS = ("provider", "model", *_CLASSES, "long_from", "changes", "currency", "source", "as_of")


@dataclass(frozen=True, slots=True)
class _Entry:
    provider: str
    model: str
    price: pricelist.PerMillion
    currency: str = "USD"


class PriceBook:
    """The prices of models, in dollars for a million tokens. Call it for a DataFrame.

    A class of cached tokens without a price of its own (NaN) costs what ``input`` costs. ``long_from``: longer prompts
    cost more. ``changes``: other prices are announced from that day. ``source`` says who says so: "override" is a
    price of your own, from the configuration.

    >>> llmkit.prices("sonnet")                                          # doctest: +SKIP
    >>> llmkit.prices.compare(tokens_in=2000, tokens_out=500)            # doctest: +SKIP
    """

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def __call__(self, *words: str, all: bool = False, **filters: Any) -> pd.DataFrame:
        """The prices of the known models, with all of ``words`` in their name or alias.

        ``filters`` are those of ``llmkit.models`` (``provider``, ``vision``, …). ``all=True`` reads the whole price list,
        whose names are many.

        >>> llmkit.prices("flash", provider="gemini")  # doctest: +SKIP
        """
        found = self._entries(words, filters, everything=all)
        table = pandas().DataFrame.from_records([_row(entry) for entry in found], columns=list(COLUMNS))
        for name in _CLASSES:
            table[name] = table[name].astype("float64")
        table["long_from"] = table["long_from"].astype("Int64")
        return table

    def compare(
        self,
        *words: str,
        tokens_in: int,
        tokens_out: int,
        cache_read: int = 0,
        at: datetime | None = None,
        all: bool = False,
        **filters: Any,
    ) -> pd.DataFrame:
        """What one call would cost with each model, the cheapest first; ``times`` is against that one.

        ``tokens_in`` are those of the prompt that come from no cache. Long prompts are priced as such; ``at`` asks for the
        prices of another day. Where nothing is known the cost is NaN, and ``note`` says why.

        >>> llmkit.prices.compare("claude", tokens_in=10_000, tokens_out=500)  # doctest: +SKIP
        """
        counts = {"tokens_in": tokens_in, "tokens_out": tokens_out, "cache_read": cache_read}
        for name, number in counts.items():
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise BadRequest(
                    f"{name}={number!r} is no number of tokens.", hint="A whole number, 0 or more."
                )
        moment = datetime.now(UTC) if at is None else at
        if not isinstance(moment, datetime):
            raise BadRequest(f"at={at!r} is no moment.", hint="Give a datetime.")
        used = Usage(input=tokens_in, output=tokens_out, cache_read=cache_read, source="provider")
        prices = self._session().prices
        rows = []
        for entry in self._entries(words, filters, everything=all):
            cost = cost_of(used, provider=entry.provider, model=entry.model, at=moment, overrides=prices)
            rows.append(_compared(entry, cost))
        columns = ["provider", "model", "cost", "times", "currency", "source", "estimated", "note"]
        table = pandas().DataFrame.from_records(rows, columns=columns)
        table["cost"] = table["cost"].astype("float64")
        table = table.sort_values("cost", na_position="last", kind="stable").reset_index(drop=True)
        paid = table["cost"][table["cost"] > 0]
        table["times"] = table["cost"] / (paid.iloc[0] if len(paid) else float("nan"))
        return table

    def plot(
        self, *words: str, tokens_in: int = 1000, tokens_out: int = 500, top: int = 24, **more: Any
    ) -> Any:
        """The cheapest ``top`` of a comparison as bars; takes what :meth:`compare` takes. The numbers are in
        ``figure.table``.

        >>> llmkit.prices.plot("claude", tokens_in=10_000, tokens_out=500)  # doctest: +SKIP
        """
        from llmkit.ledger.plots_price import bars

        compared = self.compare(*words, tokens_in=tokens_in, tokens_out=tokens_out, **more)
        return bars(compared, tokens_in=tokens_in, tokens_out=tokens_out, top=top)

    def scheduled(self, *words: str, **filters: Any) -> pd.DataFrame:
        """Prices that are announced to change: from which day, from what to what.

        >>> llmkit.prices.scheduled()  # doctest: +SKIP
        """
        rows = []
        for entry in self._entries(words, filters):
            if entry.price.changes is None:
                continue
            day = datetime.combine(entry.price.changes, time(), UTC)
            then = pricelist.per_million(entry.provider, entry.model, day)
            row = {"provider": entry.provider, "model": entry.model, "from": entry.price.changes}
            for name in ("input", "output"):
                row |= {
                    f"{name}_now": _float(getattr(entry.price, name)),
                    f"{name}_then": _float(getattr(then, name, None)),
                }
            rows.append(row)
        columns = ["provider", "model", "from", "input_now", "input_then", "output_now", "output_then"]
        table = pandas().DataFrame.from_records(rows, columns=columns)
        return table.sort_values(["from", "provider", "model"]).reset_index(drop=True)

    def update(self, url: str | None = None) -> priceupdate.Fetched:
        """Fetch the price list as genai-prices publishes it now, and use it from now on, also in later sessions.
        Nothing is ever fetched unless this is called. ``reset()`` takes it back.

        >>> llmkit.prices.update()  # doctest: +SKIP
        """
        return priceupdate.update(url)

    def reset(self) -> bool:
        """Back to the price list that came with the package; true if another was in force."""
        return priceupdate.reset()

    def __repr__(self) -> str:
        at = priceupdate.fetched()
        whose = f"fetched {at:%Y-%m-%d}" if at is not None else "as it came with the package"
        return f"<prices: the list of genai-prices, {whose}; prices() is the table, .compare .plot .scheduled ask more>"

    def _entries(
        self, words: Iterable[str], filters: Mapping[str, Any], *, everything: bool = False
    ) -> list[_Entry]:
        session = self._session()
        filters = dict(filters)
        simulated = bool(filters.pop("simulated", False)) or filters.get("provider") == "sim"
        if everything:
            named = [
                (place, name)
                for place in pricelist.PRICE_LISTS
                if place != "vertex"
                for name in pricelist.names_at(place)
            ]
            if filters.get("provider"):
                named = [one for one in named if one[0] == filters["provider"]]
            named = [one for one in named if all(word.lower() in "/".join(one).lower() for word in words)]
        else:
            rows = known.rows(session, known.Wanted.of(tuple(words), filters))
            named = [(row.facts.provider, row.facts.model) for row in rows]
        found = [
            entry
            for place, name in named
            if simulated or place != "sim"
            if (entry := _entry(place, name, session.prices))
        ]
        return [*found, *_only_own(session.prices, found, words, filters)]


def _entry(provider: str, model: str, overrides: Overrides | None) -> _Entry | None:
    own = own_price(f"{provider}/{model}", overrides)
    listed = pricelist.per_million(provider, model)
    if own is not None:
        rates = own.rates
        price = pricelist.PerMillion(rates["input"], rates["output"], "", "override", rates.get("cache_read"), rates.get("cache_write_5m"), rates.get("cache_write_1h"))  # fmt: skip
        return _Entry(provider, model, price, own.currency)
    if listed is None and provider == "sim":
        listed = _simulated(model)
    return None if listed is None else _Entry(provider, model, listed)


def _simulated(model: str) -> pricelist.PerMillion | None:
    from llmkit.sim.models import price

    found = price(model)
    if found is None:
        return None
    given, read, write, made = (
        Decimal(value) for value in (found.input, found.cache_read, found.cache_write, found.output)
    )
    return pricelist.PerMillion(given, made, "", "simulated", read, write, write)


def _only_own(
    overrides: Overrides | None, found: list[_Entry], words: Iterable[str], filters: Mapping[str, Any]
) -> list[_Entry]:
    """The user's prices for what no table knows: a model of his own, or a pattern."""
    if set(filters) - {"provider", "sort"}:
        return []  # what such a model can do is not known
    used = {
        own.key
        for entry in found
        if (own := own_price(f"{entry.provider}/{entry.model}", overrides)) is not None
    }
    rest = []
    for key in overrides or {}:
        place, _, name = key.partition("/")
        wanted = filters.get("provider") in (None, place) and all(
            word.lower() in key.lower() for word in words
        )
        if key not in used and wanted and (entry := _entry(place, name, overrides)) is not None:
            rest.append(entry)
    return rest


def _row(entry: _Entry) -> dict[str, Any]:
    price = entry.price
    known_of = {name: _float(getattr(price, name)) for name in _CLASSES}
    return {
        "provider": entry.provider,
        "model": entry.model,
        **known_of,
        "long_from": price.long_from,
        "changes": price.changes,
        "currency": entry.currency,
        "source": price.source,
        "as_of": price.since or None,
    }


def _compared(entry: _Entry, cost: Cost) -> dict[str, Any]:
    return {
        "provider": entry.provider,
        "model": entry.model,
        "cost": _float(cost.amount),
        "times": None,
        "currency": cost.currency,
        "source": cost.source,
        "estimated": cost.estimated,
        "note": cost.note,
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


#: What models cost, by the default session's configuration.
prices = PriceBook(default_session)
