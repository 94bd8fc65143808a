"""The keys of sequence files, in the words of Rubin's calibration script: types, defaults and ranges.

Owns what a file may say, key by key. Must not know what is made of it.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SPOT = "SPOT"
"""Image type of frames of bright spots, which no script mode has."""

NO_EFFECT: Final = {
    "n_processes": "jobs take the processors that their workers have",
    "repo": "calibrations are kept in Calibrant's own register",
    "ignore": "no component but the camera is commanded",
}
"""Keys that are accepted so that a file works unchanged, and why they change nothing."""

DARK_TIMES_S = (*(5.0,) * 5, *(15.0,) * 2, *(30.0,) * 16)


class ScriptMode(StrEnum):
    """Which image types are taken; frames of spots come beside them where `n_spot` says so."""

    BIAS = "BIAS"
    DARK = "DARK"
    BIAS_DARK = "BIAS_DARK"
    BIAS_DARK_FLAT = "BIAS_DARK_FLAT"

    @property
    def image_types(self) -> tuple[str, ...]:
        """The image types in the order they are taken."""
        return tuple(self.value.split("_"))


def _times(value: Any) -> Any:
    """Take one time for a list of it; YAML reads 1e3 as text."""
    return [value] if isinstance(value, (int, float, str)) and not isinstance(value, bool) else value


def _or_default(default: object) -> BeforeValidator:
    """Take null for the default, as Rubin's script does."""
    return BeforeValidator(lambda value: default if value is None else value)


Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Times = Annotated[tuple[Seconds, ...], BeforeValidator(_times), Field(min_length=1)]
Twenty = Annotated[Count, _or_default(20)]
TwentyTwo = Annotated[Count, _or_default(22)]
Discarded = Annotated[int, Field(ge=0, le=10_000, strict=True), _or_default(1)]
Detector = Annotated[int, Field(ge=0, strict=True)]
Timeout = Annotated[int, Field(ge=1, le=86_400, strict=True)]
Threshold = Annotated[int, Field(ge=1, strict=True)]
Switch = Annotated[bool, Field(strict=True)]


class SequenceKeys(BaseModel):
    """What a sequence file may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instrument: str = Field(default="", description="Camera: a name or a file; --instrument goes before it.")
    script_mode: ScriptMode = Field(description="BIAS, DARK, BIAS_DARK or BIAS_DARK_FLAT.")
    n_bias: Twenty = Field(default=20, description="Biases that are used.")
    n_discard_bias: Discarded = Field(
        default=1, description="Biases that are taken before them and left out of everything."
    )
    n_dark: TwentyTwo = Field(default=22, description="Darks that are used.")
    n_discard_dark: Discarded = Field(
        default=1, description="Darks that are taken before them and left out of everything."
    )
    exp_times_dark: Times = Field(
        default=DARK_TIMES_S,
        description="Unit: s. One time for all darks, or one for each, discarded ones too.",
    )
    n_flat: Twenty = Field(default=20, description="Flats that are used.")
    n_discard_flat: Discarded = Field(
        default=1, description="Flats that are taken before them and left out of everything."
    )
    exp_times_flat: Times = Field(
        default=(5.0,), description="Unit: s. One time for all flats, or one for each, discarded ones too."
    )
    n_spot: Count | None = Field(
        default=None, description="Frames of bright spots to take, after the biases; for a crosstalk."
    )
    exp_times_spot: Times | None = Field(
        default=None, description="Unit: s. One time for all frames of spots, or one for each."
    )
    filter: str | tuple[str, ...] = Field(
        default="",
        description="Filter of the flats; a list: flats are taken in each, one after the other; empty: as it is.",
    )
    generate_calibrations: Switch = Field(
        default=False,
        description="True: build new calibrations and verify against them (internal verification). "
        "False: verify the frames against the calibrations in force (external verification).",
    )
    do_defects: Switch = Field(
        default=False, description="Make a mask of defects of the darks and flats, too; needs BIAS_DARK_FLAT."
    )
    do_ptc: Switch = Field(
        default=False,
        description="Make a photon transfer curve of the flats, too, which come in pairs; needs BIAS_DARK_FLAT.",
    )
    do_gain_from_flat_pairs: Switch = Field(
        default=True,
        description="Make gains and read noises of the pairs of flats, unless do_ptc makes them. Where the file does "
        "not ask for it, only with generate_calibrations, in BIAS_DARK_FLAT, of flats that are pairs.",
    )
    make: tuple[str, ...] = Field(
        default=(),
        description="Kinds to make, such as [bias, defects]. Empty: those of the image types, and what do_defects, "
        "do_ptc and do_gain_from_flat_pairs add.",
    )
    number_verification_tests_threshold_bias: Threshold | None = Field(
        default=None,
        description="Failed tests of one type that make a detector fail. Left out: 8, unless the instrument says else.",
    )
    number_verification_tests_threshold_dark: Threshold | None = Field(
        default=None, description="The same for darks."
    )
    number_verification_tests_threshold_flat: Threshold | None = Field(
        default=None, description="The same for flats."
    )
    config_options_bias: str = Field(
        default=" ", description="Parameters of the recipe, such as `-c sigma=4 -c statistic=median`."
    )
    config_options_dark: str = Field(default=" ", description="The same for darks.")
    config_options_flat: str = Field(default=" ", description="The same for flats.")
    config_options_defects: str = Field(default=" ", description="The same for masks of defects.")
    config_options_ptc: str = Field(default=" ", description="The same for photon transfer curves.")
    detectors: tuple[Detector, ...] = Field(
        default=(),
        description="Detectors that are read, and of whose frames something is made. Empty: all.",
    )
    wait_between_exposures: Seconds = Field(
        default=0.0, description="Unit: s. How long the camera rests after each exposure."
    )
    note: str | None = Field(default=None, description="Note of the observer, for every exposure.")
    program: str | None = Field(
        default=None, pattern=r"^BLOCK-\d+$", description="Program, such as BLOCK-123; said of every image."
    )
    reason: str | None = Field(default=None, description="Reason, such as SITCOM-321; said of every image.")
    test_case: str | dict[str, str | int | float] | None = Field(
        default=None, description="Test case: a name, or names and values; said of every image."
    )
    grating: str | None = Field(
        default=None,
        description="Grating; said of every image, as no spectrograph is commanded. Null: left as it is.",
    )
    min_frames: Annotated[Count | dict[str, Count] | None, Field(union_mode="smart")] = Field(
        default=None,
        description="Fewest frames of a detector that biases, darks and flats are made of; or by kind. "
        "Left out: the instrument's.",
    )
    on_failure: Literal["stop", "continue"] = Field(
        default="stop",
        description="stop: after a set that failed verification no more exposures are taken, and where a calibration "
        "is not accepted, nothing is made of another one in its place. continue: go on with what is in force.",
    )
    oods_timeout: Timeout = Field(
        default=120,
        description="Unit: s. How long after the last exposure of a type its files may take to be taken in; what has not "
        "come by then is named and left out.",
    )
    background_task_timeout: Timeout | None = Field(
        default=None,
        description="Unit: s. How long the run may take after its last frame, times the number of kinds; then it fails. "
        "Left out: as long as it takes.",
    )
    do_verify: Switch = Field(
        default=True,
        description="False: nothing is verified. What is made is withheld, and used within the run.",
    )
    input_collections_bias: str | None = Field(
        default=None,
        description="Collections, with commas, that a bias takes calibrations from, after calib_collection. "
        "Left out: <instrument>/calib.",
    )
    input_collections_dark: str | None = Field(default=None, description="The same for darks.")
    input_collections_flat: str | None = Field(default=None, description="The same for flats.")
    input_collections_defects: str | None = Field(default=None, description="The same for masks of defects.")
    input_collections_ptc: str | None = Field(
        default=None, description="The same for photon transfer curves, and for gains of pairs."
    )
    input_collections_verify_bias: str | None = Field(
        default=None,
        description="Collections, with commas, that biases are verified against where nothing is built. "
        "Left out: <instrument>/calib, then calib_collection.",
    )
    input_collections_verify_dark: str | None = Field(default=None, description="The same for darks.")
    input_collections_verify_flat: str | None = Field(default=None, description="The same for flats.")
    calib_collection: str = Field(default="", description="Empty: <instrument>/calib/daily.")
    certify_calib_begin_date: str | None = Field(
        default=None,
        description="Start of the validity range; TAI unless it ends in UTC. Left out: the start of the run's first frame.",
    )
    certify_calib_end_date: str | None = Field(
        default=None,
        description="End of the validity range, exclusive; TAI unless it ends in UTC. Left out: one day after its start.",
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Recipe parameters, such as {bias.sigma: 4}; before config_options."
    )
    n_processes: Threshold | None = Field(default=None, description="Has no effect here.")
    repo: str | None = Field(default=None, description="Has no effect here.")
    ignore: tuple[str, ...] | None = Field(default=None, description="Has no effect here.")
