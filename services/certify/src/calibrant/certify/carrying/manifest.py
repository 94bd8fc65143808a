"""What a folder with a collection says of itself: ``collection.json``. Input is hostile until checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibrant.certify.changes import Refused
from calibrant.contracts.common.v1 import Product
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.objects import ObjectDamaged, ObjectMissing
from calibrant.runtime.objects.hashing import checked_file

NAME = "collection.json"
SUMS = "SHA256SUMS"
MOST_BYTES = 1 << 30
"""Largest ``collection.json`` that is read."""
_FILE = re.compile(r"files/[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


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
