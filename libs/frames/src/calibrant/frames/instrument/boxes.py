"""Owns the one notation for rectangles in instrument files; knows nothing of detectors or files.

Boxes are written as astronomers write sections in FITS headers: ``'[x1:x2,y1:y2]'``, columns first, counted
from 1, both ends included. Inside the program a box is half-open, rows first and counted from 0.
"""

import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetPydanticSchema
from pydantic_core import core_schema

_SECTION = re.compile(r"^\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]$")


class Section(BaseModel):
    """A rectangle of pixels, half-open, counted from 0.

    Parameters
    ----------
    y0, y1 : int
        First row, and the row after the last.
    x0, x1 : int
        First column, and the column after the last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the rectangle."""
        return (self.y1 - self.y0, self.x1 - self.x0)

    def moved(self, rows: int, columns: int) -> Self:
        """Return the same rectangle shifted by whole pixels."""
        return type(self)(y0=self.y0 + rows, y1=self.y1 + rows, x0=self.x0 + columns, x1=self.x1 + columns)

    def without_columns(self, count: int, *, at_start: bool) -> Self:
        """Return the rectangle without `count` of its columns, the first or the last ones."""
        return self.model_copy(update={"x0": self.x0 + count} if at_start else {"x1": self.x1 - count})

    def without_rows(self, count: int, *, at_start: bool) -> Self:
        """Return the rectangle without `count` of its rows, the first or the last ones."""
        return self.model_copy(update={"y0": self.y0 + count} if at_start else {"y1": self.y1 - count})

    def overlaps(self, other: "Section") -> bool:
        """Tell whether the two rectangles share a pixel."""
        return self.y0 < other.y1 and other.y0 < self.y1 and self.x0 < other.x1 and other.x0 < self.x1

    def fits_in(self, shape: tuple[int, int]) -> bool:
        """Tell whether the rectangle lies inside an image of ``shape`` (rows, columns)."""
        return self.y1 <= shape[0] and self.x1 <= shape[1]

    def __str__(self) -> str:
        return f"[{self.x0 + 1}:{self.x1},{self.y0 + 1}:{self.y1}]"


def parse_section(text: str) -> Section:
    """Read a FITS-like section.

    Parameters
    ----------
    text : str
        ``'[x1:x2,y1:y2]'``, counted from 1, both ends included.

    Returns
    -------
    Section
        The same pixels, half-open and counted from 0.

    Raises
    ------
    ValueError
        If the text has another form, counts from 0 or runs backwards.

    Examples
    --------
    >>> parse_section("[5:516,1:512]").shape
    (512, 512)
    """
    match = _SECTION.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a section; write '[x1:x2,y1:y2]', counted from 1, ends included")
    x1, x2, y1, y2 = (int(part) for part in match.groups())
    if x1 < 1 or y1 < 1:
        raise ValueError(f"{text!r} counts from 0; the first pixel of a section is 1")
    if x2 < x1 or y2 < y1:
        raise ValueError(f"{text!r} runs backwards; write the lower end first and use flip_x or flip_y")
    return Section(y0=y1 - 1, y1=y2, x0=x1 - 1, x1=x2)


def _from_yaml(value: Any) -> Section:
    if isinstance(value, Section):
        return value
    if isinstance(value, str):
        return parse_section(value)
    raise ValueError(f"a section is a text such as '[1:2048,1:100]', not {value!r}")


def _schema(_source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
    return core_schema.no_info_plain_validator_function(
        _from_yaml, serialization=core_schema.to_string_ser_schema()
    )


SectionText = Annotated[Section, GetPydanticSchema(_schema)]
"""A field written as ``'[x1:x2,y1:y2]'`` in YAML and held as a `Section`."""
