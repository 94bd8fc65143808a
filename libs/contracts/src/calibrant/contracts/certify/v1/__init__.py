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
    "CalibrationWithdrawn",
    "CertificationRefused",
    "CertifyJob",
    "CollectionChanged",
    "DecisionMade",
    "StageReached",
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
    gives_way: bool | None = Field(default=None, description='Nobody wished for the end of the range: it ends sooner where another calibration begins later, and gives way to one that is certified afterwards and begins later.')


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
    change_id: str | None = Field(default=None, description='The change of the register that it belongs to.')
    reason: str | None = Field(default=None, description='Why.')


class CalibrationWithdrawn(Message):
    """A product does not apply any more over a range of time: what is certified there, if anything,
    is told apart."""

    message_type: ClassVar[str] = "calibrant.certify.v1.CalibrationWithdrawn"
    change_id: str = Field(description='The change of the register that it belongs to.')
    product: Product = Field(description='The product.')
    collection: str = Field(description='Collection withdrawn from.')
    validity: TimeRange = Field(description="The range that was cut out of the product's validity.")
    recorded: TaiTime = Field(description='When it was recorded (system clock).')
    requested_by: str = Field(description='Who asked.')
    reason: str = Field(description='Why.')
    superseded_by: str = Field(description='The product that stands there from now on; empty for none.')


class CollectionChanged(Message):
    """A collection was made or changed."""

    message_type: ClassVar[str] = "calibrant.certify.v1.CollectionChanged"
    change_id: str = Field(description='The change of the register that it belongs to.')
    collection: str = Field(description='Name of the collection.')
    type: str = Field(description='What it holds: run, tagged, calibration or chained.')
    members: tuple[str, ...] = Field(default=(), description="What it holds now: of a chain the collections, the first searched first; of a tagged one the products' identifiers.")
    recorded: TaiTime = Field(description='When it was recorded (system clock).')
    requested_by: str = Field(description='Who asked.')
    reason: str = Field(description='Why.')


class StageReached(Message):
    """A product in a collection passed a stage, or is said not to have."""

    message_type: ClassVar[str] = "calibrant.certify.v1.StageReached"
    change_id: str = Field(description='The change of the register that it belongs to.')
    product_id: str = Field(description='The product.')
    collection: str = Field(description='Collection that it is certified in.')
    stage: str = Field(description='The stage: approval or distribution.')
    reached: bool = Field(description='False when it is revoked.')
    recorded: TaiTime = Field(description='When it was recorded (system clock).')
    said_by: str = Field(description='Who said so.')
    reason: str = Field(description='Why.')


class CertificationRefused(Message):
    """A product was not certified."""

    message_type: ClassVar[str] = "calibrant.certify.v1.CertificationRefused"
    job_id: str = Field(description='The job.')
    product_id: str = Field(description='The product.')
    collection: str = Field(description='Collection meant.')
    reason: str = Field(description='Why, and what stands in the way.')
    conflicts: tuple[str, ...] = Field(default=(), description='Certifications it clashes with.')

