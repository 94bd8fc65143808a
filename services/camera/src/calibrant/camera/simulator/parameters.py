"""What the simulator must know of a camera beside its geometry: the ``simulation`` section of an instrument file.

Owns names, units, defaults and bounds. Must not know pixels.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from calibrant.camera.simulator.effects import Parameters, check_described, chosen_effects
from calibrant.camera.simulator.values import CannotSimulate, Values, first_fault
from calibrant.frames.instrument import USUAL_FILTERS, Instrument


class LightLeak(Values):
    """Light on a detector while the shutter is closed, of another strength in every exposure."""

    kind: Literal["light-leak"]
    detector: int = Field(ge=0, description="The detector it falls on.")
    least_e_per_s: float = Field(gt=0, description="Unit: electron/s. The weakest leak.")
    most_e_per_s: float = Field(gt=0, description="Unit: electron/s. The strongest leak.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.most_e_per_s <= self.least_e_per_s:
            raise ValueError("most_e_per_s must be above least_e_per_s")
        return self


class NoisyAmplifier(Values):
    """An amplifier whose read noise is larger than the instrument file says."""

    kind: Literal["noisy-amplifier"]
    detector: int = Field(ge=0, description="Its detector.")
    amplifier: str = Field(description="Its name.")
    factor: float = Field(gt=1, description="How many times larger.")


Flaw = Annotated[LightLeak | NoisyAmplifier, Field(discriminator="kind")]


class SimulationParameters(Values):
    """How the simulated camera behaves, the same for all detectors; an empty section gives the defaults."""

    image_prefix: str = Field(
        default="SC",
        pattern=r"^[A-Z]{2}$",
        description="First letters of an image's name, as in SC_O_20260101_000012.",
    )
    filters: tuple[str, ...] = Field(
        default=USUAL_FILTERS, description="Filters that the camera has, by name."
    )
    changer_wake_s: float = Field(
        default=0.0,
        ge=0,
        description="Unit: s. How long the filter changer takes to wake up; 0: it never sleeps.",
    )
    readout_s: float = Field(default=2.0, ge=0, description="Unit: s. Time to read out an exposure.")
    bias_level_adu: float = Field(default=1000.0, ge=0, description="Unit: adu. Electronic level.")
    bias_amplifier_spread_adu: float = Field(
        default=20.0, ge=0, description="Unit: adu. Standard deviation of the amplifiers' levels."
    )
    bias_structure_adu: float = Field(
        default=3.0,
        ge=0,
        description="Unit: adu. Standard deviation of the fixed pattern of the image pixels.",
    )
    bias_drift_adu: float = Field(
        default=1.0, ge=0, description="Unit: adu. Standard deviation of the level between exposures."
    )
    dark_current_e_per_s: float = Field(default=0.05, ge=0, description="Unit: electron/s. Of a good pixel.")
    hot_pixel_fraction: float = Field(
        default=0.0005, ge=0, le=0.1, description="Part of the pixels that are hot."
    )
    hot_pixel_e_per_s: float = Field(
        default=20.0,
        ge=0,
        description="Unit: electron/s. Mean of the exponential distribution of hot pixels.",
    )
    prnu: float = Field(default=0.01, ge=0, le=0.2, description="Standard deviation of the pixels' response.")
    vignetting: float = Field(default=0.15, ge=0, lt=1, description="Loss of light from centre to corners.")
    flat_rate_e_per_s: float = Field(
        default=5000.0, ge=0, description="Unit: electron/s. Light of the flat lamp at the centre."
    )
    cosmic_rays_per_s: float = Field(default=0.02, ge=0, description="Unit: 1/s. Hits on a detector.")
    full_well_e: float = Field(
        default=120_000.0, gt=0, description="Unit: electron. Charge a pixel can hold."
    )
    flaws: dict[str, Flaw] = Field(
        default_factory=dict, description="Flaws that can be switched on, by name."
    )
    effects: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="By effect, its parameters that differ from the defaults; it is switched on by name.",
    )

    def chosen(self, names: tuple[str, ...]) -> tuple[Flaw, ...]:
        """Return the flaws of these names.

        Raises
        ------
        CannotSimulate
            There is no such flaw; it names those there are.
        """
        for name in names:
            if name not in self.flaws:
                known = ", ".join(sorted(self.flaws)) or "none"
                raise CannotSimulate(
                    f"no flaw {name!r} in simulation.flaws of the instrument; there are: {known}"
                )
        return tuple(self.flaws[name] for name in names)

    def chosen_effects(self, texts: tuple[str, ...]) -> tuple[Parameters, ...]:
        """Return the effects that texts such as ``crosstalk=coefficient:2e-4`` switch on, in the signal's order.

        Raises
        ------
        CannotSimulate
            An effect or a parameter is unknown, or a value is out of range.
        """
        return chosen_effects(texts, self.effects)


def parameters_of(instrument: Instrument) -> SimulationParameters:
    """Read an instrument's ``simulation`` section.

    Raises
    ------
    CannotSimulate
        A field is unknown or out of range, or a flaw names a detector or amplifier that is not there.
    """
    section: dict[str, Any] = instrument.simulation
    try:
        parameters = SimulationParameters.model_validate(section)
    except ValidationError as error:
        field, fault = first_fault(error)
        raise CannotSimulate(f"{instrument.name}.yaml: simulation.{field}: {fault}") from None
    try:
        check_described(parameters.effects)
    except CannotSimulate as error:
        raise CannotSimulate(f"{instrument.name}.yaml: simulation.effects: {error}") from None
    for name, flaw in parameters.flaws.items():
        _check_place(instrument, name, flaw)
    return parameters


def _check_place(instrument: Instrument, name: str, flaw: Flaw) -> None:
    try:
        detector = instrument.detector(flaw.detector)
    except KeyError as error:
        raise CannotSimulate(f"{instrument.name}.yaml: simulation.flaws.{name}: {error.args[0]}") from None
    if isinstance(flaw, NoisyAmplifier) and flaw.amplifier not in {a.name for a in detector.amplifiers}:
        raise CannotSimulate(
            f"{instrument.name}.yaml: simulation.flaws.{name}: detector {detector.id} has no amplifier {flaw.amplifier}"
        )
