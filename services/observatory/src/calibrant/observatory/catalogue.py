"""Listings that need more than one service's tables: a product with what became of it.

Owns the join, nothing else; each service's own query class does the reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def with_state(
    products: Sequence[Row], reports: Sequence[Row], certifications: Sequence[Row]
) -> list[dict[str, Any]]:
    """Return products with their state: built, verified, withheld or certified.

    Parameters
    ----------
    products, reports, certifications : sequence of mapping
        As ``CombineQueries.products``, ``VerifyQueries.reports`` and ``CertifyQueries.calibrations`` list them.
    """
    certified = {row["product"] for row in certifications if row["status"] == "certified"}
    verdicts: dict[str, bool] = {}
    for row in reversed(reports):  # the latest report on a product counts; they come latest first
        if row["mode"] == "internal":
            verdicts[row["product"]] = row["accepted"]
    return [{**row, "state": _state(row["id"], certified, verdicts)} for row in products]


def _state(product: str, certified: set[str], verdicts: Mapping[str, bool]) -> str:
    if product in certified:
        return "certified"
    if product in verdicts:
        return "verified" if verdicts[product] else "withheld"
    return "built"
