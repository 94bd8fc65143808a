"""Questions to the ledger: what is certified, and which calibration applies at a time, and why.

Owns the one query class that HTTP and the command line use. Times are TAI nanoseconds; texts are UTC with ``Z``.
"""

from collections.abc import Sequence
from typing import Any, Unpack

from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from calibrant.certify import history
from calibrant.certify.exposure import whole
from calibrant.certify.in_force import InForceRow
from calibrant.certify.ledger import EntryRow
from calibrant.certify.looking import Question, applying, look, summary
from calibrant.certify.stages import stages_of
from calibrant.certify.whole import Asked, wanted
from calibrant.rules.ledger import daily_collection
from calibrant.runtime.database import Database


class CertifyQueries:
    """Questions about certifications; answers are plain values.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def calibrations(
        self,
        *,
        instrument: str | None = None,
        kind: str | None = None,
        detector: int | None = None,
        collection: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """List certifications, the last recorded first.

        Parameters
        ----------
        instrument, kind, detector, collection
            Only these; None: all.
        limit : int or None
            At most so many; None: all.

        Returns
        -------
        list of dict
            Each with ``id, product, kind, instrument, detector, filter, collection, status, begin, end`` (UTC;
            None: unbounded) ``, begin_tai_ns, end_tai_ns, recorded, recorded_tai_ns, report``.
        """
        query = select(EntryRow)
        wanted = {
            EntryRow.instrument: instrument,
            EntryRow.kind: kind,
            EntryRow.detector: detector,
            EntryRow.collection: collection,
        }
        for column, value in wanted.items():
            if value is not None:
                query = query.where(col(column) == value)
        query = query.order_by(col(EntryRow.sequence).desc()).limit(limit)
        return [summary(row, row.entry) for row in self._session.exec(query).all()]

    def calibration(self, certification_id: str) -> dict[str, Any] | None:
        """Show one certification; None when there is none.

        Returns
        -------
        dict or None
            The listing's fields; beside them ``requested_by, reason, job, run, path`` (key of the product in the
            object store) and ``made_of``, the product in full, ``change`` and ``stages``.
        """
        query = select(EntryRow).where(col(EntryRow.certification_id) == certification_id)
        row = self._session.exec(query).first()
        if row is None:
            return None
        product = row.made_of
        return {
            **summary(row, row.entry),
            "requested_by": row.requested_by,
            "reason": row.reason,
            "job": row.job_id,
            "run": row.run_id,
            "path": product.ref.uri.removeprefix("objects:"),
            "change": row.change_id or None,
            "stages": stages_of(self._session, row),
            "made_of": product.model_dump(mode="json", exclude_none=True),
        }

    def find(self, **question: Unpack[Question]) -> dict[str, Any]:
        """Answer "which bias for detector D at time T, and why".

        Parameters
        ----------
        **question : Question
            What is looked for.

        Returns
        -------
        dict
            ``outcome`` ("found" or "not found"), ``why``, ``calibration`` (as listed, with the range in force; None
            when there is none), ``before`` and ``after``: the nearest ones whose range ends before or begins
            after that instant, or None; ``also``: what a chain's later collections have for that instant;
            ``searched``: for each collection, in order, ``collection, outcome, why``.

        Raises
        ------
        Refused
            The collection's name is none.
        """
        if question.get("as_of_tai_ns") is None:
            answer = applying(self._session, question)
            if answer is not None:
                return answer
        return look(self._session, question)

    def exposure(
        self,
        *,
        instrument: str,
        detectors: Sequence[int],
        kinds: Sequence[str],
        at_tai_ns: int,
        collection: str | None = None,
        filter: str | None = None,  # noqa: A002 - the field's word
        as_of_tai_ns: int | None = None,
    ) -> dict[str, Any]:
        """Find all calibrations for a whole exposure.

        Parameters
        ----------
        instrument : str
            Which camera.
        detectors, kinds : sequence
            Every one of the kinds for every one of the detectors.
        at_tai_ns, collection, filter, as_of_tai_ns
            As for ``find``.

        Returns
        -------
        dict
            ``outcome`` ("complete" or "incomplete"), ``searched`` (the collections), ``calibrations`` (as ``find``
            gives them) and ``gaps``, each with ``kind, detector, filter, why`` and ``before``: the nearest one whose
            range ended before that instant, or None.

        Raises
        ------
        Refused
            The collection's name is none.
        """
        place = collection or daily_collection(instrument)
        wishes = wanted(kinds, detectors, filter)
        return whole(self._session, Asked(instrument, at_tai_ns, as_of_tai_ns), place, wishes)

    def standings(self, product: str | None = None) -> dict[str, str]:
        """Say of every product that was ever certified, or of one, whether something of it is in force.

        Returns
        -------
        dict of str to str
            By product, ``certified`` or ``withdrawn``.
        """

        def named(column: Mapped[str]) -> set[str]:
            query = select(column).distinct()
            return set(self._session.exec(query if product is None else query.where(column == product)))

        in_force = named(col(InForceRow.product_id))
        ever = named(col(EntryRow.product_id))
        return {name: "certified" if name in in_force else "withdrawn" for name in ever}

    def kinds(self, instrument: str) -> list[str]:
        """Return the kinds of which something is in force for an instrument, in any collection."""
        of = select(InForceRow.kind).where(InForceRow.instrument == instrument).distinct()
        return sorted(self._session.exec(of).all())

    def history(
        self,
        *,
        collection: str | None = None,
        product: str | None = None,
        who: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """List the changes of the register, the latest first.

        Parameters
        ----------
        collection, product, who
            Only those that touch it, or that this identity made; None: all.
        limit : int or None
            At most so many; None: all.

        Returns
        -------
        list of dict
            Each with ``id, action, collection, who, recorded`` (UTC) ``, recorded_tai_ns, why, told, run, undoes,
            undone_by``.
        """
        return history.changes(self._session, collection=collection, product=product, who=who, limit=limit)

    def change(self, change_id: str) -> dict[str, Any] | None:
        """Show one change with all its lines; None when there is none."""
        return history.change(self._session, change_id)

    def collections(self, as_of_tai_ns: int | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """List collections by name, so many at most: ``name, type, members, since`` (UTC) and ``change``."""
        return history.collections(self._session, as_of_tai_ns, limit)

    def collection(self, name: str, as_of_tai_ns: int | None = None) -> dict[str, Any] | None:
        """Show one collection, with its ``products`` where it has no ranges; None when there is none."""
        return history.collection(self._session, name, as_of_tai_ns)


def look_up(database: Database, **question: Unpack[Question]) -> dict[str, Any]:
    """Answer as ``CertifyQueries.find``, by a statement alone where that says all.

    Parameters
    ----------
    database : Database
        The service's.
    **question : Question
        What is looked for.

    Raises
    ------
    Refused
        The collection's name is none.
    """
    if question.get("as_of_tai_ns") is None:
        with database.reading_alone() as session:
            answer = applying(session, question)
        if answer is not None:
            return answer
    with database.reading() as session:
        return CertifyQueries(session).find(**question)
