"""Messages of ``calibrant.sequencer.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Int32, Message
from calibrant.contracts.camera.v1 import AckCode, CommandHeader
from calibrant.contracts.common.v1 import TaiTime, TimeRange

__all__ = [
    "CommandAnswered",
    "ExposureRequest",
    "FolderIngestRequested",
    "QueueAction",
    "QueueCommand",
    "RunAction",
    "RunCommand",
    "RunFinished",
    "RunProgress",
    "RunReport",
    "RunRequested",
    "SetReport",
    "TakenReport",
    "WithheldReport",
]


class QueueAction(Enum):
    """What may be done to a camera's queue of runs."""

    UNSPECIFIED = "QUEUE_ACTION_UNSPECIFIED"
    """Not given. (0)"""

    ADD = "QUEUE_ACTION_ADD"
    """Put a run at its end, or at a place. (1)"""

    MOVE = "QUEUE_ACTION_MOVE"
    """Bring a run that waits to another place. (2)"""

    REMOVE = "QUEUE_ACTION_REMOVE"
    """Take a run out that waits. (3)"""

    PAUSE = "QUEUE_ACTION_PAUSE"
    """Start no more runs; the one that goes on goes on. (4)"""

    RESUME = "QUEUE_ACTION_RESUME"
    """Start runs again. (5)"""

    STOP = "QUEUE_ACTION_STOP"
    """Start no more runs, and end the one of the queue that goes on. (6)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"QUEUE_ACTION_UNSPECIFIED": 0, "QUEUE_ACTION_ADD": 1, "QUEUE_ACTION_MOVE": 2, "QUEUE_ACTION_REMOVE": 3, "QUEUE_ACTION_PAUSE": 4, "QUEUE_ACTION_RESUME": 5, "QUEUE_ACTION_STOP": 6}
        return numbers[self.value]


class RunAction(Enum):
    """What may be done to a run."""

    UNSPECIFIED = "RUN_ACTION_UNSPECIFIED"
    """Not given. (0)"""

    PAUSE = "RUN_ACTION_PAUSE"
    """Begin no exposure and send no job; what has begun ends. (1)"""

    RESUME = "RUN_ACTION_RESUME"
    """Let a paused run go on. (2)"""

    STOP = "RUN_ACTION_STOP"
    """End it after the exposure that has begun. (3)"""

    STOP_NOW = "RUN_ACTION_STOP_NOW"
    """End it now. (4)"""

    RETRY = "RUN_ACTION_RETRY"
    """Do again what failed of a run that has ended, and what depended on it. (5)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"RUN_ACTION_UNSPECIFIED": 0, "RUN_ACTION_PAUSE": 1, "RUN_ACTION_RESUME": 2, "RUN_ACTION_STOP": 3, "RUN_ACTION_STOP_NOW": 4, "RUN_ACTION_RETRY": 5}
        return numbers[self.value]


class ExposureRequest(Message):
    """Exposures of one type to command."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.ExposureRequest"
    image_type: str = Field(description='Image type: BIAS, DARK, FLAT, SPOT.')
    exposure_times_s: tuple[float, ...] = Field(default=(), description='Exposure time of each exposure, in order; one exposure an element. Unit: s.', json_schema_extra={"unit": "s"})
    filter: str = Field(description='Filter; empty to leave it as it is.')
    discard: Int32 | None = Field(default=None, description='How many of them, the first ones, are taken and then left out of everything; left out: none.')


class RunRequested(Message):
    """A person or program asks for a run."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.RunRequested"
    run_id: str = Field(description='Identifier of the run, chosen by who asks.')
    instrument: str = Field(description='Instrument name.')
    exposures: tuple[ExposureRequest, ...] = Field(default=(), description='Exposures to command; with a folder, those that are chosen from its frames; empty for all of them.')
    folder: str = Field(description='Folder with frames; empty when exposures are commanded.')
    make: tuple[str, ...] = Field(default=(), description='Kinds of calibration to make, in any order; empty for all that the frames allow.')
    parameters: Mapping[str, str] = Field(default_factory=dict, description='Recipe parameters "recipe.parameter"; each value is JSON text.')
    generate: bool = Field(description='Build new calibrations (internal verification), or only verify frames against those in force (external).')
    collection: str = Field(description="Collection to certify into; empty for the instrument's daily collection.")
    validity: TimeRange = Field(description="Validity range; a missing side takes the recipe's rule.")
    requested_by: str = Field(description='Who asks.')
    valid_for_s: float | None = Field(default=None, description="How long calibrations are valid where validity has no end; they begin then, without a begin, at the start of the run's first frame. Left out: the recipe's rule. Unit: s.", json_schema_extra={"unit": "s"})
    build: tuple[str, ...] = Field(default=(), description='Kinds that are built although generate is false: from calibrations in force.')
    note: str | None = Field(default=None, description='Note of the observer, for every exposure; left out: the run and the number of the exposure.')
    detectors: tuple[Int32, ...] = Field(default=(), description='Detectors that are read, and of whose frames something is made; empty for all.')
    wait_between_exposures_s: float | None = Field(default=None, description='How long the camera rests after each exposure (system clock); left out: not at all. Unit: s.', json_schema_extra={"unit": "s"})
    input_collections: Mapping[str, str] = Field(default_factory=dict, description="By kind: collections with commas between them that its inputs are searched in, after the run's own.")
    verify_collections: Mapping[str, str] = Field(default_factory=dict, description="By kind: collections with commas between them that frames are verified against where nothing is built; a kind that is left out is looked up in the run's own.")
    skip_verification: bool | None = Field(default=None, description='Nothing is verified: what is made is withheld and used within the run; without generate frames are only taken.')
    image_keys: Mapping[str, str] = Field(default_factory=dict, description="What is said of every image beside, key to value, such as program to BLOCK-123; the camera's events carry it.")
    min_frames: Mapping[str, Int32] = Field(default_factory=dict, description="By kind: fewest frames of a detector that a set is made of, of each type; in place of the instrument's rule.")
    stop_on_failure: bool | None = Field(default=None, description='After a set that failed verification no more exposures are taken, and where a calibration of this run is not accepted, what needs it is not made of another one. Left out: the run goes on with what is in force.')
    strict: bool | None = Field(default=None, description='With a folder and exposures: the run fails where its frames are not what the exposures ask for. Left out: it goes on with what is there, and says what is not.')
    component: str | None = Field(default=None, description='Camera that is commanded, by its name as a component; left out: the one that the sequencer is set to.')
    frames_within_s: float | None = Field(default=None, description='How long after the last exposure of a type its files may take to be taken in; what has not come by then is named and left out. Left out: as the sequencer has it. Unit: s.', json_schema_extra={"unit": "s"})
    finish_within_s: float | None = Field(default=None, description='How long the run may take once no frame is to come; then it ends, failed, and what had not ended is named. Left out: as long as it takes. Unit: s.', json_schema_extra={"unit": "s"})


class FolderIngestRequested(Message):
    """Ask ingest to take in the files of a folder."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.FolderIngestRequested"
    acquisition_id: str = Field(description='Identifier of the acquisition.')
    instrument: str = Field(description='Instrument name.')
    folder: str = Field(description='The folder.')


class RunProgress(Message):
    """How far a run has come; sent at every step worth telling."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.RunProgress"
    run_id: str = Field(description='The run.')
    phase: str = Field(description='State of the run: planned, taking, processing, verifying, certifying, done, done with failures, failed or stopped.')
    message: str = Field(description='What happened, for a person.')
    nodes_ended: Int32 = Field(description='Plan nodes done, withheld, failed or skipped.')
    nodes: Int32 = Field(description='Plan nodes in all so far.')


class RunFinished(Message):
    """A run ended."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.RunFinished"
    run_id: str = Field(description='The run.')
    state: str = Field(description='Its final state: done, done with failures (something was withheld or could not be done), failed or stopped.')
    products: Int32 = Field(description='Products made.')
    certified: Int32 = Field(description='Calibrations certified.')
    withheld: Int32 = Field(description='Calibrations withheld.')
    message: str = Field(description='What happened, for a person.')


class QueueCommand(Message):
    """Somebody commands a camera's queue of runs. It is answered once, by a CommandAnswered."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.QueueCommand"
    header: CommandHeader = Field(description='Identity, roles and deadline of who commands; the component is the camera.')
    action: QueueAction = Field(description='What is to be done.')
    run: RunRequested | None = Field(default=None, description='The run that is added: all of it. Left out with the other actions.')
    run_id: str | None = Field(default=None, description='The run that is moved or removed.')
    place: Int32 | None = Field(default=None, description='Place among those that wait, from 1: with MOVE, and with ADD where it is not the last one.')
    now: bool | None = Field(default=None, description='With STOP: end the run now, and not only after the exposure that has begun.')


class RunCommand(Message):
    """Somebody commands a run. It is answered once, by a CommandAnswered."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.RunCommand"
    header: CommandHeader = Field(description="Identity, roles and deadline of who commands; the component is the run's camera, or any name.")
    run_id: str = Field(description='The run.')
    action: RunAction = Field(description='What is to be done.')


class CommandAnswered(Message):
    """The sequencer's only answer to a command to it."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.CommandAnswered"
    command_id: str = Field(description='The command.')
    component: str = Field(description='Its component, as it was given.')
    identity: str = Field(description='Who commanded.')
    ack: AckCode = Field(description='COMPLETE, FAILED, NO_PERMISSION or TIMEOUT.')
    result: str = Field(description='What happened, for a person.')


class TakenReport(Message):
    """What a run took of what it asked for: the exposures of a type, or the files of a folder."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.TakenReport"
    what: str = Field(description='Image type, or the folder.')
    asked: Int32 = Field(description='Exposures, or files, that were asked for.')
    taken: Int32 = Field(description='How many of them were taken, or taken in.')
    frames: Int32 = Field(description='Frames that could be planned with.')
    missing: tuple[str, ...] = Field(default=(), description='What is missing, and why.')


class WithheldReport(Message):
    """Detectors whose part of a set came to nothing, for one reason."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.WithheldReport"
    detectors: tuple[Int32, ...] = Field(default=(), description='The detectors.')
    reason: str = Field(description='Why, for a person.')


class SetReport(Message):
    """What came of one set of frames."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.SetReport"
    kind: str = Field(description='Kind of calibration.')
    set_key: str = Field(description='The set.')
    made: tuple[Int32, ...] = Field(default=(), description='Detectors of which a product was made.')
    verified: tuple[Int32, ...] = Field(default=(), description='Detectors that verification accepted.')
    certified: tuple[Int32, ...] = Field(default=(), description='Detectors whose product was certified.')
    withheld: tuple[WithheldReport, ...] = Field(default=(), description='The other ones: not made, not accepted, withheld.')
    report_id: str | None = Field(default=None, description='Report of the verification; left out where there was none.')
    with_failures: tuple[Int32, ...] = Field(default=(), description='Detectors that verification accepted although some of their tests failed.')
    noticed: tuple[str, ...] = Field(default=(), description='What verification noticed beside its verdicts, in sentences.')


class RunReport(Message):
    """All that came of a run; sent when it has ended, with RunFinished."""

    message_type: ClassVar[str] = "calibrant.sequencer.v1.RunReport"
    run_id: str = Field(description='The run.')
    instrument: str = Field(description='Instrument name.')
    state: str = Field(description='Its state: done, done with failures, failed or stopped; before its end another one.')
    begun: TaiTime = Field(description='When it was asked for (system clock).')
    ended: TaiTime | None = Field(default=None, description='When it ended (system clock); left out before that.')
    taken: tuple[TakenReport, ...] = Field(default=(), description='What was taken, in order.')
    sets: tuple[SetReport, ...] = Field(default=(), description='What came of each set, in build order.')
    left_out: tuple[str, ...] = Field(default=(), description='Frames that went into no set, and kinds that were asked for in vain, with the reasons.')
    message: str = Field(description='What happened, for a person.')

