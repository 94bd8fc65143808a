"""Owns what an instrument file says of detectors and amplifiers; must not know files or arrays."""

from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from calibrant.frames.instrument.boxes import Section, SectionText
from calibrant.frames.instrument.linearity import Linearity
from calibrant.frames.instrument.overscan import Overscan
from calibrant.frames.instrument.position import Position
from calibrant.pixels import MASK_DTYPE, Mask
from calibrant.pixels import Linearity as Correction
from calibrant.pixels import geometry as pixels
from calibrant.pixels.image import Unit

_WHOLE: Final = Overscan()


def _box(section: Section) -> pixels.Box:
    return pixels.Box(section.y0, section.y1, section.x0, section.x1)


class Amplifier(BaseModel):
    """One readout channel: where its pixels lie in the raw frame, and what they mean.

    Sections are written in the raw frame as ``'[x1:x2,y1:y2]'`` (FITS: from 1, ends included), except
    ``placed``, which is written in the trimmed image.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="Name, unique in its detector.")
    image: SectionText = Field(description="Light-sensitive pixels, in the raw frame.")
    placed: SectionText | None = Field(
        default=None,
        description="Where the image goes in the trimmed image; omitted: as it lies in the raw frame.",
    )
    flip_x: bool = Field(default=False, description="Reverse the columns when placing (read from the right).")
    flip_y: bool = Field(default=False, description="Reverse the rows when placing (read from the top).")
    image_reversed: bool = Field(
        default=False,
        description="The image's columns stand in the raw frame against the order of reading: the last one is read first.",
    )
    serial_overscan: SectionText | None = Field(
        default=None, description="Columns without light read with each row; same rows as the image."
    )
    overscan_reversed: bool = Field(
        default=False,
        description="The serial overscan's columns stand against the order of reading: the one read first is the "
        "farthest from the image.",
    )
    overscan_apart: bool = Field(
        default=False,
        description="The serial overscan is read right behind the image, though it does not stand beside its end.",
    )
    parallel_overscan: SectionText | None = Field(
        default=None, description="Rows without light read after the image; same columns as the image."
    )
    prescan: SectionText | None = Field(
        default=None, description="Columns read before the first image column."
    )
    gain_e_per_adu: float = Field(gt=0, description="Nominal gain [electron/ADU].")
    read_noise_e: float = Field(ge=0, description="Nominal read noise [electron].")
    saturation_adu: float = Field(gt=0, description="Raw value from which a pixel is saturated [ADU].")
    linearity: Linearity | None = Field(
        default=None, description="What makes its signal proportional to the light; in ADU above the level."
    )

    def regions(self) -> dict[str, Section]:
        """Return the named sections in the raw frame that this amplifier has."""
        found = {
            "image": self.image,
            "serial_overscan": self.serial_overscan,
            "parallel_overscan": self.parallel_overscan,
            "prescan": self.prescan,
        }
        return {name: section for name, section in found.items() if section is not None}

    def geometry(self, placed: Section, overscan: Overscan) -> pixels.Amplifier:
        """Return the plain geometry of this amplifier.

        Parameters
        ----------
        placed : Section
            Where its image goes in the trimmed image.
        overscan : Overscan
            Says which lines of its overscans are left out.

        Raises
        ------
        ValueError
            If nothing of an overscan would be left.
        """
        serial, parallel = self._serial_left(overscan), self._parallel_left(overscan)
        return pixels.Amplifier(
            name=self.name,
            image=_box(self.image),
            placed=_box(placed),
            flip_x=self.flip_x,
            flip_y=self.flip_y,
            serial_overscan=_box(serial) if serial else None,
            parallel_overscan=_box(parallel) if parallel else None,
            gain_e_per_adu=self.gain_e_per_adu,
            read_noise_e=self.read_noise_e,
            saturation_adu=self.saturation_adu,
            prescan=0 if self.prescan is None else self.prescan.shape[1],
            image_reversed=self.image_reversed,
            overscan_reversed=self.overscan_reversed,
            overscan_apart=self.overscan_apart,
        )

    def _serial_left(self, overscan: Overscan) -> Section | None:
        """Return what is left of the serial overscan."""
        serial = self.serial_overscan
        if serial is None:
            return None
        overscan.check("overscan", "serial_overscan", serial, self.name, "columns")
        first = (serial.x0 >= self.image.x1) is not self.overscan_reversed
        serial = serial.without_columns(overscan.skip, at_start=first)
        return serial.without_columns(overscan.trailing_skip, at_start=not first)

    def _parallel_left(self, overscan: Overscan) -> Section | None:
        """Return what is left of the parallel overscan."""
        parallel, skips = self.parallel_overscan, overscan.parallel
        if parallel is None:
            return None
        skips.check("overscan.parallel", "parallel_overscan", parallel, self.name, "rows")
        above = parallel.y0 >= self.image.y1
        return parallel.without_rows(skips.skip, at_start=above).without_rows(
            skips.trailing_skip, at_start=not above
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        serial, image = self.serial_overscan, self.image
        if self.placed is not None and self.placed.shape != image.shape:
            raise ValueError(
                f"amplifier {self.name}: placed {self.placed} is {self.placed.shape} (rows, columns) "
                f"but image {image} is {image.shape}"
            )
        if serial is not None and (serial.y0, serial.y1) != (image.y0, image.y1):
            raise ValueError(
                f"amplifier {self.name}: serial_overscan {serial} must have the rows of image {image}"
            )
        for name, section in self.regions().items():
            if name != "image" and section.overlaps(image):
                raise ValueError(f"amplifier {self.name}: {name} {section} overlaps image {image}")
        return self


class Detector(BaseModel):
    """One sensor and its amplifiers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=0, description="Number, unique in the instrument.")
    name: str = Field(min_length=1, description="Name shown to people.")
    serial: str | None = Field(default=None, description="The maker's serial number.")
    hdu: str | None = Field(
        default=None, description="EXTNAME of its image, where a file holds one extension per detector."
    )
    raw_shape: tuple[int, int] = Field(description="Rows and columns of a raw frame (NAXIS2, NAXIS1).")
    dark_current_e_per_s: float = Field(
        default=0.0, ge=0, description="Nominal dark current, whose noise a dark may show [electron/s]."
    )
    amplifiers: tuple[Amplifier, ...] = Field(min_length=1)
    defects: tuple[SectionText, ...] = Field(
        default=(), description="Pixels that are never used, in the trimmed image."
    )
    position: Position | None = Field(
        default=None, description="Where it sits in the focal plane; for pictures of the whole camera."
    )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the trimmed image."""
        placed = self.placements().values()
        return (max(box.y1 for box in placed), max(box.x1 for box in placed))

    def placements(self) -> dict[str, Section]:
        """Return where each amplifier's image goes in the trimmed image, by amplifier name."""
        rows = min(amplifier.image.y0 for amplifier in self.amplifiers)
        columns = min(amplifier.image.x0 for amplifier in self.amplifiers)
        return {
            amplifier.name: amplifier.placed or amplifier.image.moved(-rows, -columns)
            for amplifier in self.amplifiers
        }

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for amplifier in self.amplifiers:
            for name, section in amplifier.regions().items():
                if not section.fits_in(self.raw_shape):
                    raise ValueError(
                        f"detector {self.id}: {name} {section} of amplifier {amplifier.name} leaves the raw frame "
                        f"of {self.raw_shape[0]} rows x {self.raw_shape[1]} columns"
                    )
        self.geometry()
        rows, columns = self.shape
        for number, section in enumerate(self.defects):
            if not section.fits_in(self.shape):
                raise ValueError(
                    f"detector {self.id}: defects[{number}] {section} leaves the trimmed image of {rows} rows x "
                    f"{columns} columns"
                )
        return self

    def defect_mask(self) -> NDArray[np.uint32] | None:
        """Return the mask of the defects, of the trimmed image's shape: BAD; None where there are none."""
        if not self.defects:
            return None
        mask = np.zeros(self.shape, MASK_DTYPE)
        for section in self.defects:
            mask[_box(section).slices] = Mask.BAD
        return mask

    def linearities(self, unit: Unit, geometry: pixels.Geometry | None = None) -> dict[str, Correction]:
        """Return what makes each amplifier's signal linear, by its name; empty where none is told.

        Parameters
        ----------
        unit : {'electron', 'adu'}
            Of the signals.
        geometry : Geometry or None
            Has the gains that made them electrons; None: the nominal ones.
        """
        named = self.amplifiers if geometry is None else geometry.amplifiers
        gains = {one.name: one.gain_e_per_adu if unit == "electron" else 1.0 for one in named}
        return {
            one.name: one.linearity.scaled(gains[one.name])
            for one in self.amplifiers
            if one.linearity is not None
        }

    def geometry(self, overscan: Overscan = _WHOLE) -> pixels.Geometry:
        """Return the plain geometry that pixel algorithms want.

        Parameters
        ----------
        overscan : Overscan
            Says which lines of the overscans are left out; omitted: none.

        Raises
        ------
        ValueError
            If placements overlap or leave holes, or nothing of an overscan would be left; it names the
            amplifier and the field.
        """
        placements = self.placements()
        return pixels.Geometry(
            raw_shape=self.raw_shape,
            shape=self.shape,
            amplifiers=tuple(
                amplifier.geometry(placements[amplifier.name], overscan) for amplifier in self.amplifiers
            ),
        )
