"""Reports: only what a known report accepts is certified; one that is not known yet is waited for."""

import pytest
from sqlmodel import select

from calibrant.bus.errors import TransientError
from calibrant.certify.ledger import EntryRow
from calibrant.certify.reports import ReportRow, ReportUnknown
from calibrant.certify.tables import CollectionRow
from calibrant.contracts.certify.v1 import CalibrationCertified, CertificationRefused


def ask(ledger, message):
    """Ask without telling of a report first."""
    with ledger.database.writing() as session:
        return ledger.alone(session, message)


def count(ledger, table) -> int:
    with ledger.database.reading() as session:
        return len(session.exec(select(table)).all())


def test_an_invented_report_certifies_nothing(ledger, make, asked) -> None:
    with pytest.raises(
        ReportUnknown, match="told of no report r1: it is still on its way, or nobody made it"
    ):
        ask(ledger, asked(make()))
    assert issubclass(ReportUnknown, TransientError)
    assert count(ledger, EntryRow) == 0


def test_a_report_that_comes_after_its_job_lets_the_next_attempt_through(ledger, make, asked, report) -> None:
    with pytest.raises(ReportUnknown):
        ask(ledger, asked(make()))
    ledger.tell(report("r1", make()))
    [event] = ask(ledger, asked(make()))
    assert isinstance(event, CalibrationCertified)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"accepted": False}, "report r1 does not accept bias-1: too noisy"),
        ({"name": "bias-9"}, "does not accept bias-1 for detector 3: it decided on bias-9; name the report"),
        ({"detector": 4}, "does not accept bias-1 for detector 3: it says nothing of that detector"),
    ],
)
def test_a_product_that_its_report_does_not_accept_is_refused(  # noqa: PLR0917 - fixtures
    ledger, make, asked, report, told, says
) -> None:
    facts = {"accepted": True, "name": "bias-1", "detector": 3} | told
    decided = make(facts["name"], detector=facts["detector"])
    ledger.tell(report("r1", decided, accepted=facts["accepted"]))
    [event] = ask(ledger, asked(make()))
    assert isinstance(event, CertificationRefused)
    assert says in event.reason
    assert count(ledger, EntryRow) == count(ledger, CollectionRow) == 0


def test_of_one_set_only_the_accepted_detectors_are_certified(ledger, make, asked, report) -> None:
    good, bad = make(), make("bias-2", detector=4)
    both = report("r1", good, bad)
    first, second = both.decisions
    told = both.model_copy(update={"decisions": (first, second.model_copy(update={"accepted": False}))})
    ledger.tell(told)
    answers = ask(ledger, asked(good, bad))
    assert [type(one) for one in answers] == [CalibrationCertified, CertificationRefused]


def test_a_report_told_twice_is_kept_once(ledger, make, report) -> None:
    ledger.tell(report("r1", make()))
    ledger.tell(report("r1", make()))
    assert count(ledger, ReportRow) == 1
