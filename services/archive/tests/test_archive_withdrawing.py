"""What was certified and applies no more: the publication says so, the world is told, the file stays."""

import pytest
import pytest_asyncio

from calibrant.bus.errors import PermanentError
from calibrant.contracts.archive.v1 import ProductPublished, ProductWithdrawn
from calibrant.contracts.common.v1 import TimeRange
from calibrant.contracts.times import bounds_of, time_range

BEGIN = 1_767_225_637_000_000_000
DAY = 86_400_000_000_000


def hours(first: int | None, last: int | None) -> TimeRange:
    sides = (None if one is None else BEGIN + one * DAY // 24 for one in (first, last))
    return time_range(*sides)


@pytest_asyncio.fixture
async def published(archive):
    """A product that is public for a day."""
    product = archive.product()
    archive.certify(product)
    await archive.step()
    return product


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("superseded_by", "status", "reason"),
    [
        ("", "withdrawn", "withdrawn: light leak (ben)"),
        ("bias-2", "superseded", "superseded by bias-2: light leak (ben)"),
    ],
)
async def test_what_applies_no_more_says_how_and_why_and_keeps_its_file(
    archive, published, superseded_by, status, reason
) -> None:
    [told] = archive.withdraw(published, hours(None, None), superseded_by=superseded_by)
    [row] = archive.listed()
    assert (row["status"], row["reason"], row["superseded_by"]) == (status, reason, superseded_by or None)
    assert (row["begin"], row["end"], row["in_force"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", [])
    assert (told.publication_id, told.status, told.reason) == (row["id"], status, reason)
    assert (told.in_force, told.superseded_by) == ((), superseded_by or None)
    assert (archive.objects.root / row["path"]).exists()
    assert archive.shown(row["id"])["obscore"]["obs_id"] == "bias-1"
    assert archive.listed(status="current") == []
    assert archive.withdraw(published, hours(None, None)) == []


@pytest.mark.asyncio
async def test_what_a_part_is_withdrawn_of_stays_current_over_the_rest(archive, published) -> None:
    assert archive.withdraw(published, hours(24, 48)) == []
    assert archive.withdraw(published, hours(0, 24), collection="simcam/calib/other") == []
    [told] = archive.withdraw(published, hours(6, 7))
    [row] = archive.listed()
    assert (row["status"], row["reason"]) == ("current", "withdrawn: light leak (ben)")
    assert [(one["begin"][11:], one["end"][11:]) for one in row["in_force"]] == [
        ("00:00:00Z", "06:00:00Z"),
        ("07:00:00Z", "00:00:00Z"),
    ]
    assert told.status == "current"
    assert [bounds_of(one) for one in told.in_force] == [bounds_of(hours(0, 6)), bounds_of(hours(7, 24))]
    [last] = archive.withdraw(published, hours(0, 24))
    assert (last.status, archive.listed()[0]["status"]) == ("withdrawn", "withdrawn")


@pytest.mark.asyncio
async def test_what_is_withdrawn_before_it_is_public_is_not_published(archive) -> None:
    gone, cut = archive.product(), archive.product("bias-2")
    archive.certify(gone, 1)
    archive.certify(cut, 2)
    assert archive.withdraw(gone, hours(None, None)) == archive.withdraw(cut, hours(12, None)) == []
    await archive.step()
    published, left = archive.announced()
    assert isinstance(published, ProductPublished)
    assert isinstance(left, ProductWithdrawn)
    assert published.product_id == left.product_id == "bias-2"
    assert [bounds_of(one) for one in left.in_force] == [bounds_of(hours(0, 12))]
    assert {one["product"]: one["status"] for one in archive.listed()} == {
        "bias-1": "withdrawn",
        "bias-2": "current",
    }


def test_a_withdrawal_that_is_turned_round_is_refused_for_good(archive) -> None:
    with pytest.raises(PermanentError, match=r"validity: validity range ends .* before it begins"):
        archive.withdraw(archive.product(), hours(2, 1))
