"""Every certification and every refusal is on record, in the transaction of the ledger's line."""

import pytest

from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused
from calibrant.runtime.access.audit import entries


def rows(ledger):
    with ledger.database.reading() as session:
        return list(reversed(entries(session)))


def test_what_came_of_each_product_is_on_record(ledger, make, asked):
    [certified] = ledger.ask(asked(make()))
    [refused] = ledger.ask(asked(make("bias-2"), job_id="j2", requested_by="ben"))
    ledger.ask(asked(make(), job_id="j3"))
    ledger.ask(asked(job_id="j4"))
    assert isinstance(certified, CalibrationCertified)
    assert isinstance(refused, CertificationRefused)
    place = "simcam/calib/daily"
    assert [(row["who"], row["what"], row["about"], row["outcome"]) for row in rows(ledger)] == [
        ("ana", "certify", "bias-1", f"certified in {place}: {certified.certification_id}"),
        ("ben", "certify", "bias-2", f"refused in {place}: {refused.reason}"),
        ("ana", "certify", "bias-1", f"stands already in {place}: {certified.certification_id}"),
        ("ana", "certify", "j4", "refused: the job names no products"),
    ]
    assert {row["run"] for row in rows(ledger)} == {"run-1"}


def test_a_certification_that_is_rolled_back_is_not_on_record(ledger, make, asked):
    def fail():
        with ledger.database.writing() as session:
            ledger.within(session, asked(make()))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert rows(ledger) == []
