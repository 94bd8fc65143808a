"""The sequencer over HTTP: ask for a run, list runs, look at one."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from calibrant.contracts.common.v1 import TimeRange
from calibrant.contracts.sequencer.v1 import ExposureRequest, RunRequested
from calibrant.runtime.access.guard import CallerOf
from calibrant.runtime.bodies import BODY_ANSWERS
from calibrant.runtime.listing import NOT_ALL, Limit, first
from calibrant.sequencer.checking import INSTRUMENT, RUN_ID, RunRefused
from calibrant.sequencer.control_api import routes as control_routes
from calibrant.sequencer.service import CameraBusy, SequencerService
from calibrant.sequencer.store.queries import RunLine, RunView, SequencerQueries
from calibrant.sequencer.unknown_keys import check_keys

_BUSY: Final[dict[int | str, dict[str, Any]]] = {
    409: {"description": "The camera is busy with another run, which is named"}
}
_NONE: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "No such run"}}


Whole = Annotated[int, Field(ge=0, lt=2**31)]


class RunOrder(BaseModel):
    """What is asked for: exposures, or a folder with frames."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instrument: str = Field(description="Instrument name; no path.", pattern=INSTRUMENT)
    run_id: str | None = Field(
        default=None,
        description="Name of the run, of your choice. The same order again under it, as after a 503 or a lost answer, "
        "begins no second run. Omitted: a new one, and the order again is another run.",
        pattern=RUN_ID,
    )
    exposures: tuple[ExposureRequest, ...] = Field(default=(), description="Exposures to command.")
    component: str | None = Field(
        default=None,
        description="Camera that is commanded, by its name as a component. Omitted: the sequencer's own.",
        pattern=RUN_ID,
    )
    folder: str = Field(default="", description="Folder with frames; with exposures, those are chosen.")
    make: tuple[str, ...] = Field(default=(), description="Kinds to make; none: all that the frames allow.")
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description='"recipe.parameter" to JSON text, such as "bias.statistic": "\\"median\\"".',
    )
    generate: bool = Field(default=True, description="False: only verify against what is certified.")
    build: tuple[str, ...] = Field(default=(), description="Kinds that are made although generate is false.")
    detectors: tuple[Whole, ...] = Field(
        default=(), description="Detectors that are read, and of whose frames something is made; none: all."
    )
    note: str | None = Field(default=None, description="Note of the observer, for every exposure.")
    wait_between_exposures_s: float | None = Field(
        default=None, description="How long the camera rests after each exposure, s."
    )
    input_collections: dict[str, str] = Field(
        default_factory=dict,
        description="By kind: collections, with commas, that its inputs are searched in after the run's own.",
    )
    verify_collections: dict[str, str] = Field(
        default_factory=dict,
        description="By kind: collections, with commas, that frames are verified against where nothing is built.",
    )
    skip_verification: bool | None = Field(
        default=None,
        description="True: nothing is verified; what is made is withheld, and used within the run.",
    )
    image_keys: dict[str, str] = Field(
        default_factory=dict, description="What is said of every image, such as program: BLOCK-123."
    )
    min_frames: dict[str, Whole] = Field(
        default_factory=dict,
        description="By kind: fewest frames of a detector, in place of the instrument's rule.",
    )
    stop_on_failure: bool | None = Field(
        default=None,
        description="True: after a set that failed verification no more exposures are taken, and nothing is made of "
        "other calibrations in place of those that are not accepted.",
    )
    strict: bool | None = Field(
        default=None, description="True: fail where the folder's frames are not what the exposures ask for."
    )
    valid_for_s: float | None = Field(
        default=None,
        description="How long calibrations are valid, s, from the start of the run's first frame unless validity says "
        "another begin. Omitted: as the instrument's rules say, from a set's first frame.",
    )
    frames_within_s: float | None = Field(
        default=None,
        description="How long after the last exposure of a type its files may take, s; what has not come by then is "
        "named and left out. Omitted: as the sequencer has it.",
    )
    finish_within_s: float | None = Field(
        default=None,
        description="How long the run may take after its last frame, s; then it ends, failed. Omitted: as long as it takes.",
    )
    collection: str = Field(default="", description="Collection; empty for the instrument's daily one.")
    validity: TimeRange = Field(default=TimeRange(), description="Validity range; missing sides by rule.")

    @field_validator("exposures", "validity", mode="before")
    @classmethod
    def _known_keys(cls, value: Any, info: ValidationInfo) -> Any:
        """Messages pass over what they do not know; a misspelt key of an order would be obeyed as if it was left out."""
        check_keys(value, ExposureRequest if info.field_name == "exposures" else TimeRange)
        return value

    def request(self, new_id: Callable[[], str], requested_by: str) -> RunRequested:
        """Return the run that is asked for; ``new_id`` names it where the order does not."""
        said = {"run_id": self.run_id or new_id(), "requested_by": requested_by}
        return RunRequested.model_validate(self.model_dump(exclude={"run_id"}) | said)


class RunAccepted(BaseModel):
    """The run that will be followed to its end."""

    run_id: str


def routes(service: SequencerService, new_id: Callable[[], str]) -> APIRouter:
    """Return the sequencer's routes; ``new_id`` names runs whose order names none."""
    router = APIRouter(prefix="/runs", tags=["runs"])

    @router.post("", status_code=202, summary="Ask for a run", responses={**BODY_ANSWERS, **_BUSY})
    def request_run(order: RunOrder, caller: CallerOf) -> RunAccepted:
        request = order.request(new_id, caller.identity)
        try:
            service.check(request)
            with service.database.reading() as session:
                service.check_camera(session, request)
            return RunAccepted(run_id=service.request_run(request, caller.given))
        except RunRefused as error:
            raise HTTPException(400, str(error)) from None
        except CameraBusy as error:
            raise HTTPException(409, str(error)) from None

    @router.get("", summary="List the latest runs", responses=NOT_ALL)
    def list_runs(response: Response, limit: Limit = 100) -> list[RunLine]:
        with service.database.reading() as session:
            return first(SequencerQueries(session).runs(limit + 1), limit, response)

    @router.get("/{run_id}", summary="Show a run, its progress and its plan", responses=_NONE)
    def show_run(run_id: str) -> RunView:
        with service.database.reading() as session:
            view = SequencerQueries(session).run(run_id)
        if view is None:
            raise HTTPException(404, f"there is no run {run_id}; GET /runs lists those there are")
        return view

    router.include_router(control_routes(service))
    return router
