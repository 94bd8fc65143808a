"""The register as people change it: wishes carried out, their events, and what is found afterwards."""

import pytest
from sqlmodel import col, select

from calibrant.certify.changes import Refused
from calibrant.certify.register import carry_out
from calibrant.certify.store import CertifyQueries
from calibrant.certify.wishes import WISH
from calibrant.contracts.certify.v1 import (
    CalibrationCertified,
    CalibrationWithdrawn,
    CollectionChanged,
    StageReached,
)
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.tables import OutboxRow
from calibrant.runtime.unit_of_work import unit_of_work

DAILY = "simcam/calib/daily"


ANA = Caller("ana", ("certifier",))


NIGHT = {"instrument": "simcam", "detector": 3, "kind": "bias"}


class Register:
    def __init__(self, ledger):
        self.ledger = ledger
        self.wishes = 0
        self.sent = 0

    def wish(self, action, **facts):
        """Carry a wish out; give the change."""
        self.wishes += 1
        known = {"undo": {}, "chain": {}, "tag": {}}.get(action, {"collection": DAILY})
        wish = WISH.validate_python({"action": action, "reason": f"because {self.wishes}", **known, **facts})

        def work(cause, _run):
            return unit_of_work(self.ledger.database, "certify", self.ledger.clock, cause=cause)

        return carry_out(work, wish, ANA, str(self.wishes))

    def refused(self, action, **facts):
        before = self.counts()
        with pytest.raises(Refused) as refusal:
            self.wish(action, **facts)
        assert self.counts() == before
        return str(refusal.value)

    def counts(self):
        with self.ledger.database.reading() as session:
            queries = CertifyQueries(session)
            return len(queries.calibrations()), len(queries.history()), len(queries.collections())

    def events(self):
        """Give the kinds and products of events since the last look."""
        kinds = {
            one.message_type: one
            for one in (CalibrationCertified, CalibrationWithdrawn, CollectionChanged, StageReached)
        }
        with self.ledger.database.reading() as session:
            rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.number))).all()
        new, self.sent = rows[self.sent :], len(rows)
        return [kinds[_type(row)].from_json(row.value) for row in new]

    def find(self, at, **facts):
        with self.ledger.database.reading() as session:
            return CertifyQueries(session).find(**{**NIGHT, "at_tai_ns": at, **facts})

    def ask(self, question, *given, **facts):
        with self.ledger.database.reading() as session:
            return getattr(CertifyQueries(session), question)(*given, **facts)

    def products(self, *instants, **facts):
        return [(one := self.find(at, **facts)["calibration"]) and one["product"] for at in instants]


def _type(row):
    import json  # noqa: PLC0415

    headers = row.headers if isinstance(row.headers, list) else json.loads(row.headers)
    return dict(headers)["ce_type"]
