"""What HTTP takes for each command: made from the contract, with narrower limits where the camera has them.

Owns the bodies of orders. Must not know routes, nor what becomes of a command.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType, NoneType
from typing import Annotated, Any, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, create_model

from calibrant.camera.checks import LONGEST_AWAKE_S, LONGEST_EXPOSURE_S, MOST_IMAGES
from calibrant.camera.durations import LONGEST_AHEAD_S, MOST_CLEARS
from calibrant.camera.guiding import LONGEST
from calibrant.camera.logs import LEVELS
from calibrant.contracts.base import Int32
from calibrant.sal import HIGHEST, Command, command_name, own_fields

_ID: Final = r"^[!-~]{1,100}$"
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A text that a header, a table and a terminal can hold."""
Whole = Annotated[int, Field(ge=0, le=2**31 - 1)]
LONGEST_ARGUMENTS: Final = 8000
"""Characters of the longest arguments of a command that names another one."""
_FORMS: Final[Mapping[Any, tuple[Any, Any]]] = MappingProxyType(
    {
        bool: (bool, False),
        int: (Int32, 0),
        Int32: (Int32, 0),
        float: (FiniteFloat, 0.0),
        str: (Text, ""),
        tuple[Int32, ...]: (Annotated[list[Whole], Field(max_length=1000)], []),
        tuple[str, ...]: (Annotated[list[Text], Field(max_length=1000)], []),
        dict[str, str]: (Annotated[dict[Text, Text], Field(max_length=1000)], {}),
    }
)
"""By a field's type in the contract, its type in an order, and what it is when it is left out."""
_NARROWER: Final[Mapping[tuple[str, str], tuple[Any, Any]]] = MappingProxyType(
    {
        ("takeImages", "num_images"): (Annotated[int, Field(ge=1, le=MOST_IMAGES)], 1),
        ("takeImages", "exposure_time_s"): (Annotated[float, Field(ge=0, le=LONGEST_EXPOSURE_S)], 0.0),
        ("clear", "num_clears"): (Annotated[int, Field(ge=1, le=MOST_CLEARS)], 1),
        ("discardRows", "num_rows"): (Annotated[int, Field(ge=1, le=2**31 - 1)], 1),
        ("startImage", "end_within_s"): (Annotated[float, Field(gt=0, le=LONGEST_EXPOSURE_S)], 60.0),
        ("initGuiders", "roi_spec"): (Annotated[str, Field(max_length=LONGEST)], ""),
        ("wakeFilterChanger", "duration_s"): (Annotated[float, Field(gt=0, le=LONGEST_AWAKE_S)], 60.0),
        ("generic", "arguments"): (Annotated[str, Field(max_length=LONGEST_ARGUMENTS)], ""),
        ("setLogLevel", "level"): (Annotated[int, Field(ge=LEVELS[0], le=LEVELS[1])], logging.INFO),
        ("initImage", "delta_t_s"): (Annotated[float, Field(ge=0, le=LONGEST_AHEAD_S)], 0.0),
    }
)


class Order(BaseModel):
    """What comes with every command over HTTP."""

    model_config = ConfigDict(extra="forbid")

    command_id: str | None = Field(
        default=None,
        pattern=_ID,
        description="Identifier of your choice, printable ASCII without spaces. The same order again under it, as after a "
        "503 or a lost answer, is carried out once. Left out: a new one, and the order again is another command.",
    )
    begin_within_s: float = Field(
        default=60.0, gt=0, le=86_400, description="Unit: s. It is not started later than so long from now."
    )

    sequence_number: Annotated[int, Field(ge=1, le=HIGHEST)] | None = Field(
        default=None, description="Number of the order among yours; one that you have used before is refused."
    )
    origin: Int32 | None = Field(
        default=None, description="Which of your programs it is: each has sequence numbers of its own."
    )

    def own(self) -> dict[str, Any]:
        """Return the command's own fields."""
        return self.model_dump(exclude=set(Order.model_fields))


def order_of(kind: type[Command]) -> type[Order]:
    """Return the body of a command's order; a field left out is 0, false or empty, where the camera knows nothing better.

    Raises
    ------
    KeyError
        A field of the contract has a type that orders do not know: add it to ``_FORMS``.
    """
    name = command_name(kind)
    fields: dict[str, Any] = {}
    for field, info in own_fields(kind).items():
        form, default = _NARROWER.get((name, field)) or _form(info.annotation)
        fields[field] = (form, Field(default=default, description=info.description))
    made: type[Order] = create_model(f"{kind.__name__}Order", __base__=Order, __doc__=kind.__doc__, **fields)
    return made


def _form(annotation: Any) -> tuple[Any, Any]:
    within = [one for one in get_args(annotation) if one is not NoneType]
    if len(within) < len(get_args(annotation)):
        return _FORMS[within[0]][0] | None, None
    return _FORMS[annotation]
