"""The audit: who did what, about what, and what came of it; written with the effect, never changed.

Owns the ``audit`` table that every service has in its own database. Times are TAI nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, Text
from sqlmodel import Field, Session, SQLModel, col, select

from calibrant.runtime.access.callers import Caller
from calibrant.runtime.clock import utc_text

TEXT_LIMIT = 4000
"""Characters kept of any text in a row."""


class AuditRow(SQLModel, table=True):
    """Something that somebody did, in the order of its number. The database refuses to change or delete it."""

    __tablename__ = "audit"
    __table_args__ = {"sqlite_autoincrement": True}

    number: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    at_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    who: str = Field(sa_column=Column(Text, nullable=False))
    roles: str = Field(sa_column=Column(Text, nullable=False), description="Names, parted by spaces.")
    what: str = Field(sa_column=Column(Text, nullable=False), description='Such as "command takeImages".')
    about: str = Field(
        sa_column=Column(Text, nullable=False), description="Identifier of what it was done to."
    )
    outcome: str = Field(sa_column=Column(Text, nullable=False))
    run_id: str = Field(sa_column=Column(Text, nullable=False), description="Empty for none.")


AUDIT_TABLES = ("audit",)


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did.

    Parameters
    ----------
    what : str
        Such as ``stop run``.
    about : str
        Identifier of what it was done to.
    outcome : str
        What came of it, such as ``done``, or why nothing did.
    run_id : str
        The run it belongs to; empty for none.
    """

    what: str
    about: str
    outcome: str = "done"
    run_id: str = ""


def record(session: Session, now_tai_ns: int, caller: Caller, deed: Deed) -> None:
    """Write down what somebody did, in the transaction of its effect.

    Parameters
    ----------
    session : Session
        The transaction.
    now_tai_ns : int
        Now, in nanoseconds since 1970-01-01T00:00:00 TAI.
    caller : Caller
        Who did it.
    deed : Deed
        What it was.
    """
    session.add(
        AuditRow(
            at_tai_ns=now_tai_ns,
            who=_kept(caller.identity),
            roles=" ".join(caller.given),
            what=_kept(deed.what),
            about=_kept(deed.about),
            outcome=_kept(deed.outcome),
            run_id=_kept(deed.run_id),
        )
    )


def entries(session: Session, *, who: str | None = None, limit: int = 1000) -> list[dict[str, Any]]:
    """Return what was done, the latest first.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    who : str or None
        Only what this identity did.
    limit : int
        At most so many.

    Returns
    -------
    list of dict
        Each with ``number, at`` (UTC) ``, at_tai_ns, who, roles, what, about, outcome, run``.
    """
    query = select(AuditRow).order_by(col(AuditRow.number).desc()).limit(limit)
    if who is not None:
        query = query.where(AuditRow.who == who)
    return [_entry(row) for row in session.exec(query)]


def _entry(row: AuditRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "at": utc_text(row.at_tai_ns),
        "at_tai_ns": row.at_tai_ns,
        "who": row.who,
        "roles": row.roles.split(),
        "what": row.what,
        "about": row.about,
        "outcome": row.outcome,
        "run": row.run_id,
    }


def _kept(text: str) -> str:
    """Return a text as any database takes it."""
    return text[:TEXT_LIMIT].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
