"""Messages of ``calibrant.certify.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Message
from calibrant.contracts.common.v1 import Product, TaiTime, TimeRange

__all__ = [
    "CalibrationCertified",
    "CertificationRefused",
    "CertifyJob",
    "DecisionMade",
]


class CertifyJob(Message):
    """Job: certify the accepted products of a set."""

    message_type: ClassVar[str] = "calibrant.certify.v1.CertifyJob"
    job_id: str = Field(description='Identifier of the job.')
    products: tuple[Product, ...] = Field(default=(), description='Products to certify.')
    report_id: str = Field(description='The report that accepted them.')
    collection: str = Field(description='Collection to certify into.')
    validity: TimeRange = Field(description='Validity range.')
    requested_by: str = Field(description='Who asked.')
    reason: str = Field(description='Why.')
    ask: str | None = Field(default=None, description='Why a person is asked first; absent: the products are certified at once.')


class DecisionMade(Message):
    """A person has decided on a product that waited: it is certified next, or never for this
    job."""

    message_type: ClassVar[str] = "calibrant.certify.v1.DecisionMade"
    waiting_id: str = Field(description='What was decided on, as the waiting list names it.')
    job_id: str = Field(description='The job that asked.')
    product_id: str = Field(description='The product.')
    collection: str = Field(description='Collection meant.')
    accepted: bool = Field(description='Whether it may be certified.')
    reason: str = Field(description="Why, in the person's words.")
    decided_by: str = Field(description='Who decided.')
    decided: TaiTime = Field(description='When (system clock).')


class CalibrationCertified(Message):
    """A product applies to frames of its instrument and detector in a range of time."""

    message_type: ClassVar[str] = "calibrant.certify.v1.CalibrationCertified"
    certification_id: str = Field(description='Identifier of the certification.')
    job_id: str = Field(description='The job.')
    product: Product = Field(description='The product.')
    collection: str = Field(description='Collection certified into.')
    validity: TimeRange = Field(description='Validity range.')
    report_id: str = Field(description='The report that accepted the product.')
    recorded: TaiTime = Field(description='When it was recorded (system clock).')
    requested_by: str = Field(description='Who asked.')
    unchanged: bool = Field(description='True when the same certification stood before.')


class CertificationRefused(Message):
    """A product was not certified."""

    message_type: ClassVar[str] = "calibrant.certify.v1.CertificationRefused"
    job_id: str = Field(description='The job.')
    product_id: str = Field(description='The product.')
    collection: str = Field(description='Collection meant.')
    reason: str = Field(description='Why, and what stands in the way.')
    conflicts: tuple[str, ...] = Field(default=(), description='Certifications it clashes with.')

