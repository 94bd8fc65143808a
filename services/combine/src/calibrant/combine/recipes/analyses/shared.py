"""What all analyses share: frames corrected one after the other, tables with a reason a row, and when there is no result.

Must not know what is analysed, files or messages. An amplifier's result is what a pure function says of it, or its `Reason`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from numpy.typing import NDArray

from calibrant.combine.recipes.base import FrameInput, RecipeInputs, RecipeRefused
from calibrant.combine.recipes.columns import Column, Found, texts
from calibrant.combine.recipes.correction import raw_frame
from calibrant.frames.writing import ProductTable, TableColumn
from calibrant.pixels import Image, Signature, correct_frame
from calibrant.pixels.analyses import Reason

AMPLIFIERS: Final = "AMPLIFIERS"


def amplifiers_table(
    found: Mapping[str, Found | Reason],
    columns: Sequence[Column[Found]],
    more: Sequence[TableColumn] = (),
) -> ProductTable:
    """Return the table ``AMPLIFIERS``: a row each, with why it has no numbers.

    Parameters
    ----------
    found : mapping of str to result or Reason
        By amplifier.
    columns : sequence of Column
        Between the name and the reason.
    more : sequence of TableColumn
        After the reason.
    """
    reasons = (one if isinstance(one, Reason) else "" for one in found.values())
    return ProductTable(
        AMPLIFIERS,
        (
            TableColumn("AMPLIFIER", texts(found), "Name of the amplifier"),
            *(column.filled(found.values()) for column in columns),
            TableColumn("REASON", texts(reasons), "Why not measured"),
            *more,
        ),
    )


def some_measured(recipe: str, found: Mapping[str, object]) -> None:
    """Make sure that one amplifier at least has a result.

    Raises
    ------
    RecipeRefused
        None has; the text gives the reason of the first.
    """
    if all(isinstance(one, Reason) for one in found.values()):
        name, reason = next(iter(found.items()))
        raise RecipeRefused(f"{recipe}: no amplifier can be measured; {name}: {reason}")


def images(frames: Iterable[FrameInput], inputs: RecipeInputs, removed: Signature) -> Iterator[Image]:
    """Correct frames one after the other; only one is in memory.

    Raises
    ------
    RecipeRefused
        A frame does not fit the detector.
    """
    return (image for _, image in with_raw(frames, inputs, removed))


def with_raw(
    frames: Iterable[FrameInput], inputs: RecipeInputs, removed: Signature
) -> Iterator[tuple[NDArray[Any], Image]]:
    """Correct frames one after the other, each beside what it came as; see `images`."""
    for frame in frames:
        try:
            raw = raw_frame(frame)
            image = correct_frame(raw, inputs.geometry, removed, frame.terms())
        except ValueError as problem:
            raise RecipeRefused(f"{frame.name}: {problem}") from problem
        yield raw, image
