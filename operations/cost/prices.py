"""The table of prices: what one unit costs in a region, where that was read, and what is assumed of usage."""

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

FILE = Path(__file__).with_name("prices.toml")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where prices were read, and how old they were then."""

    date: date
    what: str
    where: str


class Assumption(_Strict):
    """What usage may be, from ``low`` to ``high``."""

    low: Decimal
    high: Decimal
    why: str

    @model_validator(mode="after")
    def _ordered(self) -> "Assumption":
        if not 0 <= self.low <= self.high:
            raise ValueError(f"expected 0 <= low <= high, found {self.low} and {self.high}")
        return self


class Price(_Strict):
    """US dollars for one ``unit``, everywhere or by region."""

    unit: str
    source: str | dict[str, str]
    usd: Decimal | dict[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A price in one region."""

    usd: Decimal
    unit: str
    source: str


class PriceTable(_Strict):
    """All of prices.toml. ``free`` and ``unpriced`` are resource types, each with the reason."""

    as_of: date
    hours_a_month: Decimal
    sources: dict[str, Source]
    prices: dict[str, Price]
    assumptions: dict[str, Assumption]
    free: dict[str, str]
    unpriced: dict[str, str]

    def quote(self, name: str, region: str) -> Quote | None:
        """The price of ``name`` in ``region``; None when no source was found for it."""
        price = self.prices.get(name)
        usd = price and (price.usd.get(region) if isinstance(price.usd, dict) else price.usd)
        if price is None or usd is None:
            return None
        source = price.source[region] if isinstance(price.source, dict) else price.source
        return Quote(usd=usd, unit=price.unit, source=source)

    @model_validator(mode="after")
    def _every_price_has_a_source(self) -> "PriceTable":
        for name, price in self.prices.items():
            named = price.source.values() if isinstance(price.source, dict) else [price.source]
            unknown = sorted(set(named) - set(self.sources))
            if unknown:
                raise ValueError(f"price {name}: expected sources of [sources], found {', '.join(unknown)}")
        return self


@cache
def price_table() -> PriceTable:
    """The table that comes with the command."""
    return PriceTable.model_validate(tomllib.loads(FILE.read_text(), parse_float=Decimal))
