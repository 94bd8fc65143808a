"""Listings that need more than one service's tables: a product with what became of it.

Owns the join, nothing else; each service's own query class does the reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def with_state(
    products: Sequence[Row], reports: Sequence[Row], standings: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return products with their state: built, verified, withheld, certified or withdrawn.

    Parameters
    ----------
    products, reports : sequence of mapping
        As ``CombineQueries.products`` and ``VerifyQueries.reports`` list them.
    standings : mapping of str to str
        What certify says of products, as ``CertifyQueries.standings`` gives it.
    """
    verdicts: dict[str, bool] = {}
    for row in reversed(reports):  # the latest report on a product counts; they come latest first
        if row["mode"] == "internal":
            verdicts[row["product"]] = row["accepted"]
    return [{**row, "state": standings.get(row["id"]) or _state(row["id"], verdicts)} for row in products]


def _state(product: str, verdicts: Mapping[str, bool]) -> str:
    if product in verdicts:
        return "verified" if verdicts[product] else "withheld"
    return "built"
