"""What people may ask of the register: one form for HTTP, the command line and the client.

Owns the forms. Knows no table. Times are UTC unless they end in TAI; inside, TAI nanoseconds.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, WithJsonSchema

from calibrant.frames.times import parse_time

_MOST_NS = 2**63 - 1
_TEXT = r"^[^\x00-\x1f\x7f]*$"


def _instant(value: object) -> object:
    return parse_time(value) if isinstance(value, str) else value


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    Field(ge=-_MOST_NS, le=_MOST_NS),
    WithJsonSchema({"type": "string", "examples": ["2026-01-01T00:00:00"]}),
]
"""An instant: text, or TAI nanoseconds."""
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=_TEXT)]
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Wish(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=4000, pattern=_TEXT, description="Why.")
    request: str = Field(
        default="",
        max_length=64,
        pattern=r"^[A-Za-z0-9._-]*$",
        description="A name of your own for this request: asked again under it, as after a lost answer, nothing is "
        "changed twice. Empty: each request is another one.",
    )

    def digest(self) -> str:
        """Return a digest of what is asked for, whatever its request is called and why."""
        return hashlib.sha256(self.model_dump_json(exclude={"request", "reason"}).encode()).hexdigest()


class Span(BaseModel):
    """A range of time; a missing side is open."""

    begin: Instant | None = Field(default=None, description="First instant inside; missing: open.")
    end: Instant | None = Field(default=None, description="First instant outside; missing: open.")


class _Products(Wish, Span):
    products: tuple[Name, ...] = Field(min_length=1, description="Products that are known, by identifier.")
    collection: Name
    report: str = Field(
        default="",
        max_length=256,
        pattern=_TEXT,
        description="The report that accepted them; empty: the last one.",
    )


class Certify(_Products):
    """Certify products over a range; another product that stands there is in the way."""

    action: Literal["certify"] = "certify"


class Supersede(_Products):
    """Certify products over a range, and withdraw from it what stands there."""

    action: Literal["supersede"] = "supersede"


class Choice(Span):
    """Which certifications, and over which range of theirs; what is left out does not matter."""

    collection: Name
    instrument: str | None = Field(default=None, max_length=256, pattern=_TEXT)
    kinds: tuple[Name, ...] = ()
    detectors: tuple[Number, ...] = ()
    filter: str | None = Field(default=None, max_length=256, pattern=_TEXT)
    products: tuple[Name, ...] = ()


class Decertify(Wish, Choice):
    """Withdraw certifications over a range: their ranges are trimmed, split, or gone."""

    action: Literal["decertify"] = "decertify"


class Move(Wish, Choice):
    """Withdraw certifications from a collection, and certify the same over the same ranges in another."""

    action: Literal["move"] = "move"
    to: Name = Field(description="The other collection.")


class Approve(Wish, Choice):
    """Say that certifications in force are approved, or that they are not any more."""

    action: Literal["approve"] = "approve"
    revoke: bool = Field(default=False, description="True: they are not any more.")


class Chain(Wish):
    """Make a chained collection, or give it other members."""

    action: Literal["chain"] = "chain"
    collection: Name
    members: tuple[Name, ...] = Field(description="What is searched, first to last.")
    prepend: bool = Field(default=False, description="True: they come before those that are there.")


class Tag(Wish):
    """Put products into a tagged collection, or take them out; it is made with the first."""

    action: Literal["tag"] = "tag"
    collection: Name
    add: tuple[Name, ...] = ()
    remove: tuple[Name, ...] = ()


class Undo(Wish):
    """Make the inverse of a change."""

    action: Literal["undo"] = "undo"
    change: Name


AnyWish = Annotated[
    Certify | Supersede | Decertify | Move | Approve | Chain | Tag | Undo, Field(discriminator="action")
]
WISH: TypeAdapter[AnyWish] = TypeAdapter(AnyWish)
