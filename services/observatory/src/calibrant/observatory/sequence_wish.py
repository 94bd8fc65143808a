"""What a sequence file asks of a run beside exposures and kinds. Must not know how it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from calibrant.observatory.requests import instrument_of, recipe_parameters, run_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from calibrant.contracts.sequencer.v1 import RunRequested
    from calibrant.observatory.sequence import Sequence
    from calibrant.observatory.settings import ObservatorySettings

VALID_S: Final = 86_400.0
"""How long calibrations of a sequence are valid where its file does not say until when, s: one day."""

_BUILT: Final = ("bias", "dark", "flat", "defects", "ptc")
_VERIFIED: Final = ("bias", "dark", "flat")


def commanded(
    settings: ObservatorySettings,
    sequence: Sequence,
    instrument: str,
    *,
    make: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> RunRequested:
    """Return a request for a new run that commands a camera as a sequence says.

    Parameters
    ----------
    settings : ObservatorySettings
        Where instrument files are.
    sequence : Sequence
        The file.
    instrument : str
        The camera: a name, or a file.
    make : str or None
        Kinds to make in place of the sequence's, with commas.
    parameters : mapping of str to str or None
        Recipe parameters that go before the sequence's: JSON text by ``recipe.parameter``.

    Raises
    ------
    BadRequest, RecipeRefused
        The instrument cannot be simulated, a time cannot be read, or a recipe does not take a parameter.
    """
    request = run_request(
        settings,
        instrument=instrument,
        exposures=sequence.exposures,
        make=make or ",".join(sequence.kinds),
        parameters={**recipe_parameters(sequence.settings), **(parameters or {})},
        generate=sequence.generate_calibrations,
        collection=sequence.calib_collection,
        begin=sequence.begin,
        end=sequence.end,
        build=() if make else sequence.build,
    )
    return as_wished(request, sequence, instrument_of(settings, instrument).standard_collection)


def as_wished(request: RunRequested, sequence: Sequence, standard: str) -> RunRequested:
    """Return a request with all that a sequence says of the run.

    Parameters
    ----------
    request : RunRequested
        Has the instrument, the exposures and the kinds.
    sequence : Sequence
        The file.
    standard : str
        The instrument's standard collection.
    """
    dates = (sequence.certify_calib_begin_date, sequence.certify_calib_end_date)
    return request.model_copy(
        update={
            "valid_for_s": VALID_S if None in dates else None,
            "detectors": sequence.detectors,
            "note": sequence.note,
            "wait_between_exposures_s": sequence.wait_between_exposures or None,
            "skip_verification": None if sequence.do_verify else True,
            "image_keys": _said(sequence),
            "min_frames": _fewest(sequence),
            "frames_within_s": None if request.folder else sequence.oods_timeout,
            "finish_within_s": _finish_s(sequence),
            "stop_on_failure": _stops(request, sequence) or None,
            "input_collections": _inputs(sequence, standard),
            "verify_collections": _references(sequence, standard, request.collection),
        }
    )


def _stops(request: RunRequested, sequence: Sequence) -> bool:
    """Tell whether a failure stops what depends on it; of a folder only where the file says so."""
    written = "on_failure" in sequence.model_fields_set or not request.folder
    return written and sequence.on_failure == "stop"


def _finish_s(sequence: Sequence) -> float | None:
    """Return how long the run may take after its last frame, s: one time-out for each kind, as Rubin's script has it."""
    each_s = sequence.background_task_timeout
    return None if each_s is None else float(each_s * len(sequence.kinds))


def _said(sequence: Sequence) -> dict[str, str]:
    """Return what is said of every image, by SAL's names of the keys."""
    case = sequence.test_case
    if isinstance(case, dict):
        case = " ".join(f"{name}={value}" for name, value in case.items())
    found = {
        "program": sequence.program,
        "reason": sequence.reason,
        "testCase": case,
        "grating": sequence.grating,
    }
    return {key: value for key, value in found.items() if value}


def _fewest(sequence: Sequence) -> dict[str, int]:
    """Return the fewest frames that a set is made of, by kind."""
    asked = sequence.min_frames
    return dict.fromkeys(_VERIFIED, asked) if isinstance(asked, int) else dict(asked or {})


def _inputs(sequence: Sequence, standard: str) -> dict[str, str]:
    """Return the collections that calibrations of a kind take others from, after the run's own."""
    named = {kind: getattr(sequence, f"input_collections_{kind}") for kind in _BUILT}
    found = {kind: text or standard for kind, text in named.items()}
    return {**found, "gain": found["ptc"]}


def _references(sequence: Sequence, standard: str, collection: str) -> dict[str, str]:
    """Return the collections that frames are verified against where nothing is built, by kind."""
    own = collection or sequence.calib_collection or f"{standard}/daily"
    named = {kind: getattr(sequence, f"input_collections_verify_{kind}") for kind in _VERIFIED}
    return {kind: text or f"{standard},{own}" for kind, text in named.items()}
