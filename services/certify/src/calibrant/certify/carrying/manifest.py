"""What a folder with a collection says of itself: ``collection.json``. Input is hostile until checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from calibrant.certify.changes import Refused
from calibrant.contracts.common.v1 import DataRef, Product
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.objects import ObjectDamaged, ObjectMissing
from calibrant.runtime.objects.hashing import checked_file

NAME = "collection.json"
SUMS = "SHA256SUMS"
MOST_BYTES = 1 << 30
"""Largest ``collection.json`` that is read."""
_PART = r"[A-Za-z0-9][A-Za-z0-9._+-]*"
_NAME = re.compile(_PART)
_FILE = re.compile(f"files/{_PART}/{_PART}")


class Line(BaseModel):
    """A certification in force, where its file lies, and who said so when and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    certification_id: str
    product: Product
    file: str = Field(description="path in the folder")
    begin_tai_ns: int | None = Field(description="first instant inside, TAI ns; null: open")
    end_tai_ns: int | None = Field(description="first instant outside, TAI ns; null: open")
    recorded_tai_ns: int
    requested_by: str
    reason: str
    report_id: str

    @field_validator("product")
    @classmethod
    def _named(cls, product: Product) -> Product:
        """Names become parts of paths and of identifiers, here and wherever the product goes from here."""
        for name in (product.product_id, product.kind, product.instrument):
            if _NAME.fullmatch(name) is None:
                raise ValueError(f"{name!a} is no name of a product, a kind or an instrument")
        return product

    @property
    def range(self) -> ValidityRange:
        """The validity range."""
        return ValidityRange(begin_tai_ns=self.begin_tai_ns, end_tai_ns=self.end_tai_ns)


class Manifest(BaseModel):
    """A collection as it stood when it was exported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(default=1, ge=1, le=1)
    collection: str
    exported_tai_ns: int
    certifications: tuple[Line, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_file_one_product(self) -> Self:
        refs: dict[str, DataRef] = {}
        for line in self.certifications:
            if refs.setdefault(line.file, line.product.ref) != line.product.ref:
                raise ValueError(f"{line.file!a} is named for two products; each has a file of its own")
        return self

    def files(self) -> Iterator[tuple[str, Product]]:
        """Yield each file once, with the product that it holds."""
        yield from {line.file: line.product for line in self.certifications}.items()


def read(folder: Path) -> Manifest:
    """Read what a folder says, and verify every file's size and checksum.

    Raises
    ------
    Refused
        It says nothing that can be used, or a file is missing, damaged or outside the folder.
    """
    path = folder / NAME
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Refused(f"{path} has more than {MOST_BYTES} bytes: that is no list of certifications")
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise Refused(
            f"{path}: {problem.strerror}; name a folder that `calibrant calibrations export` made"
        ) from None
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise Refused(f"{path}: {where}: {first['msg']}") from None
    for name, product in manifest.files():
        check(folder, name, product)
    return manifest


def file_of(product: Product) -> str:
    """Return where a product's file lies in the folder.

    Raises
    ------
    Refused
        Its kind or identifier would lead elsewhere.
    """
    name = f"files/{product.kind}/{product.product_id}.fits"
    if _FILE.fullmatch(name) is None:
        raise Refused(
            f"{product.product_id!a}, a {product.kind!a}, has a name that no file can have: nothing is written"
        )
    return name


def check(folder: Path, name: str, product: Product) -> Path:
    """Make sure that a file is there and is the product's.

    Raises
    ------
    Refused
        It is not; the text names it.
    """
    path = folder / name
    if _FILE.fullmatch(name) is None or path.resolve() != folder.resolve() / name:
        raise Refused(f"{name!a} is no file of the folder {folder}: nothing is imported")
    try:
        return checked_file(product.ref, path)
    except (ObjectMissing, ObjectDamaged) as problem:
        raise Refused(
            f"{path}, the file of {product.product_id}, is missing or not what {NAME} says: nothing is imported; copy it "
            f"again ({problem})"
        ) from None
