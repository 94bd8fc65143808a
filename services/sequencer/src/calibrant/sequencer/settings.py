"""Settings of the sequencer."""

from pydantic import Field, field_validator

from calibrant.rules.comparing import ComparisonRules
from calibrant.rules.default_rules import DEFAULT_RULES
from calibrant.rules.modes import Mode
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.trends import TrendRules
from calibrant.runtime.settings import ServiceSettings


class SequencerSettings(ServiceSettings):
    """How the sequencer commands cameras."""

    component: str = Field(default="camera", description="Component that runs with exposures command.")
    identity: str = Field(default="sequencer", description="Who commands, as the camera is told.")
    command_s: float = Field(
        default=120.0, gt=0, description="Unit: s. How long after it was given a command may begin."
    )
    grace_s: float = Field(
        default=30.0,
        gt=0,
        description="Unit: s. How much longer than it may take a command's answer is awaited.",
    )
    camera_wait_s: float = Field(
        default=60.0,
        gt=0,
        description="Unit: s. How long a run waits for a camera that is silent or OFFLINE.",
    )
    frames_within_s: float = Field(
        default=600.0,
        gt=0,
        description="Unit: s. How long after the last exposure of a type its files may take to be taken in, where a run "
        "does not say. What has not come by then is named and left out.",
    )
    again_s: float = Field(
        default=2.0,
        gt=0,
        description="Unit: s. How long a camera that is busy, or in another state than was known, is left alone before "
        "it is commanded again, until the command's deadline.",
    )
    overhead_s: float = Field(
        default=2.0,
        ge=0,
        description="Unit: s. What an exposure is estimated to take beside its exposure time.",
    )
    job_memory: float = Field(
        default=1.0,
        ge=0,
        description="Factor of the memory that a job is estimated to need, beyond which it is stopped. 0: no limit.",
    )
    gate: dict[str, str | int | float] = Field(
        default_factory=dict,
        description='What differs of the gate, by field: {"rule": "any"}, {"failed_tests": 4}. An instrument file and '
        "a run may say otherwise.",
    )
    trends: TrendRules = Field(
        default=TrendRules(),
        description="As verify's: other rules are another decision. Give both services the same.",
    )
    comparison: ComparisonRules = Field(
        default=ComparisonRules(),
        description="As verify's: other rules are another decision. Give both services the same.",
    )
    certification: dict[str, Mode] = Field(
        default_factory=dict,
        description='How calibrations come to be certified, by "instrument/kind" (* for any): gate, green, ask or always.',
    )
    attempts: int = Field(default=3, ge=1, description="How often a command is given before it is given up.")
    timer_s: float = Field(
        default=1.0, gt=0, description="Unit: s. How often it is looked whether an answer is overdue."
    )

    @field_validator("gate")
    @classmethod
    def _is_a_gate(cls, gate: dict[str, str | int | float]) -> dict[str, str | int | float]:
        GateThresholds().replaced(gate)
        return gate

    @field_validator("certification")
    @classmethod
    def _keyed(cls, modes: dict[str, Mode]) -> dict[str, Mode]:
        wrong = [key for key in modes if key.count("/") != 1]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not INSTRUMENT/KIND, such as simcam/bias or */*")
        kinds = ["*", *(rule.kind for rule in DEFAULT_RULES.rules)]
        unknown = [key for key in modes if key.partition("/")[2] not in kinds]
        if unknown:
            raise ValueError(f"{unknown[0]!r}: there is no such kind; there are {', '.join(kinds)}")
        return modes
