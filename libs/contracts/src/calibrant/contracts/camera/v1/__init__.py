"""Messages of ``calibrant.camera.v1``.

Generated from proto/ by ``make proto``. Do not edit.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from pydantic import Field

from calibrant.contracts.base import Int32, Int64, Message
from calibrant.contracts.common.v1 import DataRef, TaiTime

__all__ = [
    "AckCode",
    "Alert",
    "CalibrationDetailedState",
    "CalibrationSubstate",
    "CcsCommandState",
    "Clear",
    "CommandAck",
    "CommandHeader",
    "CommandSubstate",
    "ConfigurationApplied",
    "ConfigurationsAvailable",
    "Disable",
    "DisableCalibration",
    "DiscardRows",
    "Enable",
    "EnableCalibration",
    "EndImage",
    "EndOfImageTelemetry",
    "EndReadout",
    "EnterControl",
    "ErrorCode",
    "ExitControl",
    "ExposureStored",
    "FitsFilesWritten",
    "Generic",
    "Heartbeat",
    "Image",
    "ImageReadinessDetailedState",
    "ImageReadoutParameters",
    "ImageStored",
    "ImageVisualization",
    "InitGuiders",
    "InitImage",
    "IntegrationMode",
    "LogLevel",
    "LogMessage",
    "Play",
    "Playlist",
    "RaftsDetailedState",
    "RaftsSubstate",
    "ReadinessSubstate",
    "SetFilter",
    "SetLogLevel",
    "ShutterDetailedState",
    "ShutterSubstate",
    "SimulationMode",
    "SoftwareVersions",
    "Standby",
    "Start",
    "StartImage",
    "StartIntegration",
    "StartReadout",
    "Stop",
    "StoredFile",
    "SummaryState",
    "SummaryStateChanged",
    "TakeImages",
    "WakeFilterChanger",
]


class AckCode(Enum):
    """Acknowledgement codes, as SAL numbers them."""

    UNSPECIFIED = "ACK_CODE_UNSPECIFIED"
    """Not given. (0)"""

    IN_PROGRESS = "ACK_CODE_IN_PROGRESS"
    """The command is accepted and goes on; the client waits longer. (301)"""

    STALLED = "ACK_CODE_STALLED"
    """The command does not get on. (302)"""

    COMPLETE = "ACK_CODE_COMPLETE"
    """Done. (303)"""

    NO_PERMISSION = "ACK_CODE_NO_PERMISSION"
    """The sender may not give this command. (-300)"""

    NO_ACK = "ACK_CODE_NO_ACK"
    """No answer came. (-301)"""

    FAILED = "ACK_CODE_FAILED"
    """The command failed or was not allowed. (-302)"""

    ABORTED = "ACK_CODE_ABORTED"
    """The command was cut off before its end. (-303)"""

    TIMEOUT = "ACK_CODE_TIMEOUT"
    """The command's time was over. (-304)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"ACK_CODE_UNSPECIFIED": 0, "ACK_CODE_IN_PROGRESS": 301, "ACK_CODE_STALLED": 302, "ACK_CODE_COMPLETE": 303, "ACK_CODE_NO_PERMISSION": -300, "ACK_CODE_NO_ACK": -301, "ACK_CODE_FAILED": -302, "ACK_CODE_ABORTED": -303, "ACK_CODE_TIMEOUT": -304}
        return numbers[self.value]


class SummaryState(Enum):
    """State of a component, as SAL numbers it."""

    UNSPECIFIED = "SUMMARY_STATE_UNSPECIFIED"
    """Not given. (0)"""

    DISABLED = "SUMMARY_STATE_DISABLED"
    """Configured, not accepting actions. (1)"""

    ENABLED = "SUMMARY_STATE_ENABLED"
    """Accepting actions. (2)"""

    FAULT = "SUMMARY_STATE_FAULT"
    """Stopped by an error. (3)"""

    OFFLINE = "SUMMARY_STATE_OFFLINE"
    """Not under this control. (4)"""

    STANDBY = "SUMMARY_STATE_STANDBY"
    """Waiting to be configured. (5)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"SUMMARY_STATE_UNSPECIFIED": 0, "SUMMARY_STATE_DISABLED": 1, "SUMMARY_STATE_ENABLED": 2, "SUMMARY_STATE_FAULT": 3, "SUMMARY_STATE_OFFLINE": 4, "SUMMARY_STATE_STANDBY": 5}
        return numbers[self.value]


class CommandSubstate(Enum):
    """Whether a command is being carried out, as SAL numbers it."""

    UNSPECIFIED = "COMMAND_SUBSTATE_UNSPECIFIED"
    """Not given. (0)"""

    IDLE = "COMMAND_SUBSTATE_IDLE"
    """The next command is taken. (1)"""

    BUSY = "COMMAND_SUBSTATE_BUSY"
    """A command waits or is being carried out. (2)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"COMMAND_SUBSTATE_UNSPECIFIED": 0, "COMMAND_SUBSTATE_IDLE": 1, "COMMAND_SUBSTATE_BUSY": 2}
        return numbers[self.value]


class RaftsSubstate(Enum):
    """What the detectors do, as SAL numbers it."""

    UNSPECIFIED = "RAFTS_SUBSTATE_UNSPECIFIED"
    """Not given. (0)"""

    NEEDS_CLEAR = "RAFTS_SUBSTATE_NEEDS_CLEAR"
    """Charge has gathered: clear before an image. (1)"""

    CLEARING = "RAFTS_SUBSTATE_CLEARING"
    """They are being cleared. (2)"""

    INTEGRATING = "RAFTS_SUBSTATE_INTEGRATING"
    """They collect charge. (3)"""

    READING_OUT = "RAFTS_SUBSTATE_READING_OUT"
    """They are being read out. (4)"""

    QUIESCENT = "RAFTS_SUBSTATE_QUIESCENT"
    """They are empty and wait. (5)"""

    DISCARDING = "RAFTS_SUBSTATE_DISCARDING"
    """Rows are shifted out and thrown away. (6)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"RAFTS_SUBSTATE_UNSPECIFIED": 0, "RAFTS_SUBSTATE_NEEDS_CLEAR": 1, "RAFTS_SUBSTATE_CLEARING": 2, "RAFTS_SUBSTATE_INTEGRATING": 3, "RAFTS_SUBSTATE_READING_OUT": 4, "RAFTS_SUBSTATE_QUIESCENT": 5, "RAFTS_SUBSTATE_DISCARDING": 6}
        return numbers[self.value]


class ShutterSubstate(Enum):
    """Where the shutter is, as SAL numbers it."""

    UNSPECIFIED = "SHUTTER_SUBSTATE_UNSPECIFIED"
    """Not given. (0)"""

    CLOSED = "SHUTTER_SUBSTATE_CLOSED"
    """No light comes through. (1)"""

    OPEN = "SHUTTER_SUBSTATE_OPEN"
    """Light comes through. (2)"""

    CLOSING = "SHUTTER_SUBSTATE_CLOSING"
    """It moves to CLOSED. (3)"""

    OPENING = "SHUTTER_SUBSTATE_OPENING"
    """It moves to OPEN. (4)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"SHUTTER_SUBSTATE_UNSPECIFIED": 0, "SHUTTER_SUBSTATE_CLOSED": 1, "SHUTTER_SUBSTATE_OPEN": 2, "SHUTTER_SUBSTATE_CLOSING": 3, "SHUTTER_SUBSTATE_OPENING": 4}
        return numbers[self.value]


class ReadinessSubstate(Enum):
    """Whether an image can begin at once, as SAL numbers it."""

    UNSPECIFIED = "READINESS_SUBSTATE_UNSPECIFIED"
    """Not given. (0)"""

    READY = "READINESS_SUBSTATE_READY"
    """An image can begin. (1)"""

    NOT_READY = "READINESS_SUBSTATE_NOT_READY"
    """It cannot: an image is being taken, or the camera is not ENABLED. (2)"""

    GETTING_READY = "READINESS_SUBSTATE_GETTING_READY"
    """It soon can: the detectors are being made ready. (3)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"READINESS_SUBSTATE_UNSPECIFIED": 0, "READINESS_SUBSTATE_READY": 1, "READINESS_SUBSTATE_NOT_READY": 2, "READINESS_SUBSTATE_GETTING_READY": 3}
        return numbers[self.value]


class CalibrationSubstate(Enum):
    """Whether images may be begun and ended by command, as SAL numbers it."""

    UNSPECIFIED = "CALIBRATION_SUBSTATE_UNSPECIFIED"
    """Not given. (0)"""

    DISABLED = "CALIBRATION_SUBSTATE_DISABLED"
    """startImage is refused. (1)"""

    ENABLED = "CALIBRATION_SUBSTATE_ENABLED"
    """startImage is taken. (2)"""

    INTEGRATING = "CALIBRATION_SUBSTATE_INTEGRATING"
    """An image is open: charge is collected until endImage. (3)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"CALIBRATION_SUBSTATE_UNSPECIFIED": 0, "CALIBRATION_SUBSTATE_DISABLED": 1, "CALIBRATION_SUBSTATE_ENABLED": 2, "CALIBRATION_SUBSTATE_INTEGRATING": 3}
        return numbers[self.value]


class IntegrationMode(Enum):
    """What ends the collection of charge."""

    UNSPECIFIED = "INTEGRATION_MODE_UNSPECIFIED"
    """Not given. (0)"""

    TIMED = "INTEGRATION_MODE_TIMED"
    """The camera's own clock, after the exposure time. (1)"""

    COMMANDED = "INTEGRATION_MODE_COMMANDED"
    """The command endImage, or else the timeout, after which the image is abandoned. (2)"""

    @property
    def number(self) -> int:
        """The number in the contract."""
        numbers = {"INTEGRATION_MODE_UNSPECIFIED": 0, "INTEGRATION_MODE_TIMED": 1, "INTEGRATION_MODE_COMMANDED": 2}
        return numbers[self.value]


class CommandHeader(Message):
    """What every command carries."""

    message_type: ClassVar[str] = "calibrant.camera.v1.CommandHeader"
    command_id: str = Field(description='Identifier of the command; a command is executed once, however often it is delivered.')
    component: str = Field(description='Component commanded, such as "camera".')
    identity: str = Field(description='Who commands: the subject of a credential, or the name of a component.')
    deadline: TaiTime = Field(description='A command is not started after this instant (system clock).')
    roles: tuple[str, ...] = Field(default=(), description='Roles of who commands: viewer, operator, certifier, admin. Set by who lets the command in, never by who asks for it; a command needs operator or admin and is answered NO_PERMISSION otherwise.')
    requested_by: str | None = Field(default=None, description='For whom a component commands: who asked for the run, say; left out when it commands for itself.')
    sequence_number: Int32 | None = Field(default=None, description='Number of the command among those of its sender, 1 or more, never used twice; left out by who has none.')
    origin: Int32 | None = Field(default=None, description='Which process of the identity sends it, so that two of one name tell their numbers apart.')


class Start(Message):
    """STANDBY to DISABLED."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Start"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    configuration_override: str = Field(description='Name of the configuration to apply; empty for the default.')


class Enable(Message):
    """DISABLED to ENABLED."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Enable"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class Disable(Message):
    """ENABLED to DISABLED."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Disable"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class Standby(Message):
    """DISABLED or FAULT to STANDBY."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Standby"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class ExitControl(Message):
    """STANDBY to OFFLINE."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ExitControl"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class EnterControl(Message):
    """OFFLINE to STANDBY."""

    message_type: ClassVar[str] = "calibrant.camera.v1.EnterControl"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class TakeImages(Message):
    """Take images. Only in ENABLED, and not while another command is being carried out."""

    message_type: ClassVar[str] = "calibrant.camera.v1.TakeImages"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    num_images: Int32 = Field(description='How many images to take one after the other.')
    exposure_time_s: float = Field(description='Requested exposure time of each. Unit: s.', json_schema_extra={"unit": "s"})
    shutter: bool = Field(description='Whether the shutter opens.')
    image_type: str = Field(description='Image type: BIAS, DARK, FLAT, DFLAT, SFLAT, SPOT, CBP, OBJECT, ENGTEST, ACQ, CWFS, FOCUS, STUTTERED or INDOME. Empty where key_value_map says imageType.')
    group_id: str = Field(description='Group the images belong to, such as one acquisition of a run. Empty where key_value_map says groupId.')
    sensors: tuple[Int32, ...] = Field(default=(), description='Detectors to read; empty for all.')
    filter: str = Field(description='Filter to use; empty to leave it as it is.')
    observation_note: str = Field(description='Note of the observer.')
    key_value_map: str | None = Field(default=None, description='What the observer says of the images beside: "KEY: VALUE" pairs with commas between them, such as "imageType: BIAS, groupId: G, testType: BIAS". All events of the images carry it.')


class Stop(Message):
    """End takeImages after the image that is being taken. Only in ENABLED; the one command that a
    busy camera takes."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Stop"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class SetFilter(Message):
    """Put a filter in the beam. Only in ENABLED, and not while another command is being carried
    out. A filter changer that sleeps wakes up first."""

    message_type: ClassVar[str] = "calibrant.camera.v1.SetFilter"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    name: str = Field(description='Name of the filter, as the camera has it.')


class Clear(Message):
    """Clear the detectors of charge. Only in ENABLED, and not while another command is being
    carried out."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Clear"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    num_clears: Int32 = Field(description='How often, 1 to 100.')


class DiscardRows(Message):
    """Shift rows out of the detectors and throw them away. Only in ENABLED, and not while another
    command is being carried out."""

    message_type: ClassVar[str] = "calibrant.camera.v1.DiscardRows"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    num_rows: Int32 = Field(description='How many, 1 to those of the largest detector.')


class InitImage(Message):
    """Make ready for an image that will be commanded soon. Only in ENABLED, and not while another
    command is being carried out."""

    message_type: ClassVar[str] = "calibrant.camera.v1.InitImage"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    delta_t_s: float = Field(description='How soon, 0 to 60 s. The camera is ready by then where it can be. Unit: s.', json_schema_extra={"unit": "s"})


class StartImage(Message):
    """Begin an image that endImage ends. Only in ENABLED with calibration enabled, and not while
    another command is being carried out or another image is open. It is COMPLETE when charge is
    being collected."""

    message_type: ClassVar[str] = "calibrant.camera.v1.StartImage"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    shutter: bool = Field(description='Whether the shutter opens.')
    sensors: tuple[Int32, ...] = Field(default=(), description='Detectors to read; empty for all.')
    key_value_map: str | None = Field(default=None, description='What the observer says of the image: "KEY: VALUE" pairs with commas between them; imageType is needed.')
    observation_note: str = Field(description='Note of the observer.')
    end_within_s: float = Field(description='The image is abandoned when endImage has not come so long after it began (camera clock). Above 0. Unit: s.', json_schema_extra={"unit": "s"})


class EndImage(Message):
    """End the image that startImage began: it is read out and stored. Only in ENABLED, and where an
    image is open."""

    message_type: ClassVar[str] = "calibrant.camera.v1.EndImage"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class EnableCalibration(Message):
    """Allow startImage. Only in ENABLED, and not while another command is being carried out or an
    image is open."""

    message_type: ClassVar[str] = "calibrant.camera.v1.EnableCalibration"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class DisableCalibration(Message):
    """Allow startImage no longer. Only in ENABLED, and not while another command is being carried
    out or an image is open."""

    message_type: ClassVar[str] = "calibrant.camera.v1.DisableCalibration"
    header: CommandHeader = Field(description='Identity, target and deadline.')


class Playlist(Message):
    """Define a list of recorded images, in place of one of its name. Only in ENABLED, and not while
    another command is being carried out or an image is open."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Playlist"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    playlist: str = Field(description='Name of the list.')
    folder: str = Field(description='Full path of the folder with the frames.')
    images: tuple[str, ...] = Field(default=(), description='Names of images in the order to be played: exposures, or how the names of their files begin. Empty for all images of the folder, in order of time.')


class Play(Message):
    """Play a list from its first image: images taken from now on have recorded pixels. Only in
    ENABLED, and not while another command is being carried out or an image is open."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Play"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    playlist: str = Field(description='Name of the list; empty to have images simulated again.')
    repeat: bool = Field(description='Whether the first image follows the last one; otherwise no image can be taken after it.')


class InitGuiders(Message):
    """Say which pieces of the guide sensors are read while an image integrates, for the images that
    follow. Only in ENABLED, and not while another command is being carried out or an image is
    open."""

    message_type: ClassVar[str] = "calibrant.camera.v1.InitGuiders"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    roi_spec: str = Field(description='JSON: "common" with rows, cols and integrationTimeMillis; beside it for each guide sensor, such as "R00SG0", segment, startRow and startCol. Empty: no stamps are taken any more.')


class WakeFilterChanger(Message):
    """Wake the filter changer and keep it awake. Only in ENABLED, and not while another command is
    being carried out or an image is open. It is COMPLETE when the changer is awake."""

    message_type: ClassVar[str] = "calibrant.camera.v1.WakeFilterChanger"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    duration_s: float = Field(description='How long it stays awake, above 0, at most 86400 s (camera clock). Unit: s.', json_schema_extra={"unit": "s"})


class Generic(Message):
    """Carry out another command, by its name. Only in ENABLED, and as that command would be: with
    the same checks and the same answers. Not for those that change the summary state."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Generic"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    command: str = Field(description='Name of the command, such as "takeImages".')
    arguments: str = Field(description="Its fields, by our names or SAL's: a JSON object, or words NAME=VALUE with spaces between them. What is left out is what it is over HTTP.")


class Alert(Message):
    """Acknowledge or clear one of the component's standing troubles. In every state but OFFLINE,
    and while it is busy, too."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Alert"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    alert_id: str = Field(description='Which: a part that does not work now, such as "room", as the component\'s status names it.')
    action: str = Field(description='"acknowledge": who gives the command knows of it. "clear": it stands no longer, until it is met again.')


class SetLogLevel(Message):
    """Choose which messages of its log the component tells. In every state but OFFLINE, and while
    it is busy, too."""

    message_type: ClassVar[str] = "calibrant.camera.v1.SetLogLevel"
    header: CommandHeader = Field(description='Identity, target and deadline.')
    level: Int32 = Field(description='Messages of this level and above are told, 10 to 50: 10 debug, 20 info, 30 warning, 40 error, 50 critical.')
    subsystem: str = Field(description='Part of the component that it counts for; empty for all of it.')


class CommandAck(Message):
    """Answer to a command. All but IN_PROGRESS and STALLED are final."""

    message_type: ClassVar[str] = "calibrant.camera.v1.CommandAck"
    command_id: str = Field(description='The command answered.')
    component: str = Field(description='The component that answers.')
    command: str = Field(description='Name of the command, such as "takeImages".')
    ack: AckCode = Field(description='The answer.')
    error: Int32 = Field(description="Error code; 0 without an error; 2: busy, or in another state: it may be taken later; 3: its identifier is another command's; 1: any other.")
    result: str = Field(description='What happened, for a person.')
    timeout_s: float = Field(description='With IN_PROGRESS: how long the rest may take. Unit: s.', json_schema_extra={"unit": "s"})
    image_names: tuple[str, ...] = Field(default=(), description='With COMPLETE of a command that takes images: their names.')
    identity: str = Field(description="Who commanded: the command's own identity.")
    sequence_number: Int32 | None = Field(default=None, description="The command's own sequence number, where it has one.")
    origin: Int32 | None = Field(default=None, description="The command's own origin, where it has one.")
    command_type: Int32 = Field(description='Number of the command, from 0: its place among the sorted SAL names of all commands, events, telemetry and acknowledgements.')


class SummaryStateChanged(Message):
    """The component's state changed, or is told again at start."""

    message_type: ClassVar[str] = "calibrant.camera.v1.SummaryStateChanged"
    component: str = Field(description='The component.')
    summary_state: SummaryState = Field(description='Its state now.')
    reason: str = Field(description='What caused it, for a person.')
    instrument: str | None = Field(default=None, description='Instrument that a camera reads out; left out by other components.')


class ErrorCode(Message):
    """An error that put the component into FAULT."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ErrorCode"
    component: str = Field(description='The component.')
    error_code: Int32 = Field(description='Error code.')
    error_report: str = Field(description='What went wrong, for a person.')
    traceback: str | None = Field(default=None, description="Where in the program, innermost last; absent where it is no program's error.")


class SoftwareVersions(Message):
    """What the component runs with. Told at start."""

    message_type: ClassVar[str] = "calibrant.camera.v1.SoftwareVersions"
    component: str = Field(description='The component.')
    csc_version: str = Field(description='Version of the component itself.')
    subsystem_versions: tuple[str, ...] = Field(default=(), description='Versions of what it is made of, each as "NAME=VERSION".')


class SimulationMode(Message):
    """Whether the component is simulated. Told at start."""

    message_type: ClassVar[str] = "calibrant.camera.v1.SimulationMode"
    component: str = Field(description='The component.')
    mode: Int32 = Field(description='0: the real one; 1: simulated.')


class LogLevel(Message):
    """From which level on messages of the log are told. Told at start, and when it changes."""

    message_type: ClassVar[str] = "calibrant.camera.v1.LogLevel"
    component: str = Field(description='The component.')
    level: Int32 = Field(description='The level: 10 debug, 20 info, 30 warning, 40 error, 50 critical.')


class LogMessage(Message):
    """A message of the component's log."""

    message_type: ClassVar[str] = "calibrant.camera.v1.LogMessage"
    component: str = Field(description='The component.')
    name: str = Field(description='Name of the log, such as "calibrant.camera.imaging".')
    level: Int32 = Field(description='Its level: 10 debug, 20 info, 30 warning, 40 error, 50 critical.')
    message: str = Field(description='What happened, for a person.')
    traceback: str | None = Field(default=None, description='Where in the program an error came from, innermost last; absent where there is none.')
    function_name: str = Field(description='Function that wrote it.')
    line_number: Int32 = Field(description="Line of that function's file.")
    process: Int32 = Field(description='Number of the process.')
    written: TaiTime = Field(description='When it was written (system clock).')


class ConfigurationsAvailable(Message):
    """Which configurations "start" may name. Told at start."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ConfigurationsAvailable"
    component: str = Field(description='The component.')
    overrides: tuple[str, ...] = Field(default=(), description="Names that configuration_override takes beside the default's, the empty one.")
    version: str = Field(description='Version of the default.')


class ConfigurationApplied(Message):
    """A configuration was applied, by "start"."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ConfigurationApplied"
    component: str = Field(description='The component.')
    configurations: tuple[str, ...] = Field(default=(), description='Files that it was read from, in order.')
    version: str = Field(description='Its version.')
    other_info: str = Field(description='What tells it from any other: the hash of its content.')


class CcsCommandState(Message):
    """The camera took a command on, or is done with it. While BUSY it refuses the next one."""

    message_type: ClassVar[str] = "calibrant.camera.v1.CcsCommandState"
    component: str = Field(description='The component.')
    substate: CommandSubstate = Field(description='What it is now.')
    transition: TaiTime = Field(description='Since when (camera clock).')


class RaftsDetailedState(Message):
    """The detectors do something else."""

    message_type: ClassVar[str] = "calibrant.camera.v1.RaftsDetailedState"
    component: str = Field(description='The component.')
    substate: RaftsSubstate = Field(description='What it is now.')
    transition: TaiTime = Field(description='Since when (camera clock).')


class ShutterDetailedState(Message):
    """The shutter moved. A simulated one takes no time for it: it is OPEN or CLOSED."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ShutterDetailedState"
    component: str = Field(description='The component.')
    substate: ShutterSubstate = Field(description='What it is now.')
    transition: TaiTime = Field(description='Since when (camera clock).')


class ImageReadinessDetailedState(Message):
    """The camera became ready for an image, or is not any more."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ImageReadinessDetailedState"
    component: str = Field(description='The component.')
    substate: ReadinessSubstate = Field(description='What it is now.')
    transition: TaiTime = Field(description='Since when (camera clock).')


class CalibrationDetailedState(Message):
    """What may be done with startImage and endImage changed."""

    message_type: ClassVar[str] = "calibrant.camera.v1.CalibrationDetailedState"
    component: str = Field(description='The component.')
    substate: CalibrationSubstate = Field(description='What it is now.')
    transition: TaiTime = Field(description='Since when (camera clock).')


class Image(Message):
    """What every event of one image carries."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Image"
    image_name: str = Field(description='Name, such as "SC_O_20260101_000012".')
    exposure_id: Int64 = Field(description='Number made of date and sequence number: 2026010100012.')
    image_type: str = Field(description='Image type, such as BIAS, DARK, FLAT, OBJECT: as it was commanded.')
    image_index: Int32 = Field(description='Place in its command, from 1.')
    images_in_sequence: Int32 = Field(description='Images in that command.')
    day_obs: str = Field(description='Observing day YYYYMMDD, which rolls at 12:00 UTC.')
    image_number: Int32 = Field(description='Number within the observing day, from 1; never repeated.')
    group_id: str = Field(description='Group the image belongs to.')
    command_id: str = Field(description='Command that took the image.')
    image_source: str = Field(description='Camera whose image it is: the first letters of its name, such as "SC", "AT", "CC", "MC".')
    image_controller: str = Field(description="Who commanded the image: O the observatory, C the camera's own system.")
    acquisition_start: TaiTime = Field(description='Start of the acquisition (camera clock).')
    additional_keys: tuple[str, ...] = Field(default=(), description='Names of what the observer says of the image, in the order they were given; imageType and groupId are among them.')
    additional_values: tuple[str, ...] = Field(default=(), description='Their values, as many.')


class StartIntegration(Message):
    """Charge is being collected from now on. What follows next of the image is StartReadout."""

    message_type: ClassVar[str] = "calibrant.camera.v1.StartIntegration"
    component: str = Field(description='The component.')
    image: Image = Field(description='The image.')
    exposure_time_s: float = Field(description='Requested exposure time; 0 where a command ends it. Unit: s.', json_schema_extra={"unit": "s"})
    mode: IntegrationMode = Field(description='What ends it.')
    timeout_s: float = Field(description='How long it lasts at most (camera clock). Unit: s.', json_schema_extra={"unit": "s"})


class StartReadout(Message):
    """The shutter is closed, and the detectors are being read out."""

    message_type: ClassVar[str] = "calibrant.camera.v1.StartReadout"
    component: str = Field(description='The component.')
    image: Image = Field(description='The image.')
    exposure_time_s: float = Field(description='Requested exposure time. Unit: s.', json_schema_extra={"unit": "s"})
    start_of_readout: TaiTime = Field(description='Start of the readout (camera clock).')


class ImageReadoutParameters(Message):
    """How the detectors of an image are read out, told when their readout starts. Lists have an
    entry for each detector; sizes are those of one of its amplifiers."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ImageReadoutParameters"
    component: str = Field(description='The component.')
    image_name: str = Field(description='Name of the image.')
    ccd_location: tuple[str, ...] = Field(default=(), description='Where each detector is, such as "R22S11"; its name without underscores.')
    raft_bay: tuple[str, ...] = Field(default=(), description='Raft of each, such as "R22"; empty where its name has none.')
    ccd_slot: tuple[str, ...] = Field(default=(), description='Place of each in its raft, such as "S11".')
    read_rows: tuple[Int32, ...] = Field(default=(), description='Rows of light-sensitive pixels.')
    read_cols: tuple[Int32, ...] = Field(default=(), description='Columns of light-sensitive pixels.')
    pre_cols: tuple[Int32, ...] = Field(default=(), description='Columns read before them.')
    over_cols: tuple[Int32, ...] = Field(default=(), description='Columns read behind them (serial overscan).')
    over_rows: tuple[Int32, ...] = Field(default=(), description='Rows read behind them (parallel overscan).')
    daq_folder: str = Field(description='Folder of the object store that the image will lie in.')
    daq_annotation: str = Field(description='Note of the observer.')


class EndReadout(Message):
    """The image is complete in the camera's memory. Its files are not yet stored."""

    message_type: ClassVar[str] = "calibrant.camera.v1.EndReadout"
    component: str = Field(description='The component.')
    image: Image = Field(description='The image.')
    requested_exposure_time_s: float = Field(description='Requested exposure time. Unit: s.', json_schema_extra={"unit": "s"})
    end_of_readout: TaiTime = Field(description='End of the readout (camera clock).')


class EndOfImageTelemetry(Message):
    """All that is measured of an image has been told: a header can be written."""

    message_type: ClassVar[str] = "calibrant.camera.v1.EndOfImageTelemetry"
    component: str = Field(description='The component.')
    image: Image = Field(description='The image.')
    exposure_time_s: float = Field(description='Requested exposure time. Unit: s.', json_schema_extra={"unit": "s"})
    image_tag: str = Field(description='Name of the image in the object store: the keys of its files begin with it.')
    date_obs: TaiTime = Field(description='Start of the observation (camera clock).')
    date_end: TaiTime = Field(description='End of the observation, before the readout (camera clock).')
    measured_shutter_open_time_s: float = Field(description='How long the shutter was open; 0 where it stayed closed. Unit: s.', json_schema_extra={"unit": "s"})
    dark_time_s: float = Field(description='Time in which dark current was collected. Unit: s.', json_schema_extra={"unit": "s"})
    emulated_image: str = Field(description='Name of the recorded image whose pixels the image has; empty where its pixels were simulated.')


class ImageStored(Message):
    """The pixels of an image are safe."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ImageStored"
    component: str = Field(description='The component.')
    image_name: str = Field(description='Name of the image.')
    image_stored: TaiTime = Field(description='When they were (camera clock).')


class FitsFilesWritten(Message):
    """The files of an image are written."""

    message_type: ClassVar[str] = "calibrant.camera.v1.FitsFilesWritten"
    component: str = Field(description='The component.')
    image_name: str = Field(description='Name of the image.')
    files_written: TaiTime = Field(description='When they were (camera clock).')
    root_file_name: str = Field(description='Folder of the object store that they lie in.')
    relative_file_names: tuple[str, ...] = Field(default=(), description='Their names in that folder, by detector; those with stamps of guide sensors come last.')
    file_node: str = Field(description='Where the camera runs that wrote them.')


class ImageVisualization(Message):
    """Where pictures of an image are drawn on request. Told where the camera's HTTP API is
    served."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ImageVisualization"
    component: str = Field(description='The component.')
    image_name: str = Field(description='Name of the image.')
    url: str = Field(description='URL of a picture of the image: all detectors that were read (PNG).')
    thumbnail: str = Field(description='URL of a small one.')


class StoredFile(Message):
    """One stored file of an exposure. Stamps of guide sensors are no frames, and are not among
    them."""

    message_type: ClassVar[str] = "calibrant.camera.v1.StoredFile"
    detector: Int32 = Field(description='Detector whose frame the file holds.')
    ref: DataRef = Field(description='The file.')
    detector_name: str | None = Field(default=None, description='Name of that detector in the camera, such as "R22_S11": raft and bay; absent where the camera does not say.')


class ExposureStored(Message):
    """All files of an exposure are in the object store."""

    message_type: ClassVar[str] = "calibrant.camera.v1.ExposureStored"
    component: str = Field(description='The component.')
    instrument: str = Field(description='Instrument name.')
    image: Image = Field(description='The image.')
    begin: TaiTime = Field(description='Start of the exposure (camera clock).')
    exposure_time_s: float = Field(description='Exposure time. Unit: s.', json_schema_extra={"unit": "s"})
    dark_time_s: float = Field(description='Time in which dark current was collected. Unit: s.', json_schema_extra={"unit": "s"})
    filter: str = Field(description='Filter in the beam; empty for none.')
    files: tuple[StoredFile, ...] = Field(default=(), description='Its files.')


class Heartbeat(Message):
    """The component lives. Telemetry: sent once a second, lost without harm."""

    message_type: ClassVar[str] = "calibrant.camera.v1.Heartbeat"
    component: str = Field(description='The component.')
    summary_state: SummaryState = Field(description='Its state now.')

