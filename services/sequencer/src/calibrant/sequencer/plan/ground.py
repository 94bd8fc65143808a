"""What a plan stands on: what was asked for, the rules, the frames, and the calibrations in force."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from calibrant.contracts.common.v1 import Product
from calibrant.contracts.ingest.v1 import Frame
from calibrant.contracts.sequencer.v1 import RunRequested
from calibrant.contracts.verify.v1 import VerificationMode
from calibrant.rules.comparing import ComparisonRules
from calibrant.rules.modes import Mode
from calibrant.rules.rulesets import RuleSet
from calibrant.rules.thresholds import GateThresholds
from calibrant.rules.trends import TrendRules
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.ids import derive
from calibrant.sequencer.plan.memory import Footprint
from calibrant.sequencer.plan.model import NodeType
from calibrant.sequencer.plan.places import collection_of, searched_for


class Certified(BaseModel):
    """A calibration in force."""

    model_config = ConfigDict(frozen=True)

    product: Product
    range: ValidityRange
    recorded_tai_ns: int = 0


Lookup = Callable[[str, int, str | None, int], Sequence[Certified]]
"""``lookup(kind, detector, filter, at_tai_ns)`` gives calibrations that are certified, best first."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a plan stands on; the same ground and the same answers give the same plan.

    Parameters
    ----------
    request : RunRequested
        What was asked for.
    rules : RuleSet
        The instrument's association rules.
    instrument_hash, engine_version : str
        Part of every job's identity.
    frames : mapping of str to Frame
        Frames of the closed acquisitions, by id.
    certified : callable
        Looks calibrations up in the run's collection.
    elsewhere : callable
        ``elsewhere(*collections)`` looks them up in others.
    footprint : Footprint
        What the instrument's images take in memory.
    leaking_into : callable
        ``leaking_into(detector)`` gives the detectors that may leak into one.
    gate : GateThresholds
        What the run's sets have to pass.
    trends, comparison : TrendRules, ComparisonRules
        What verify assesses by beside the gate: part of a decision's identity.
    mode_of : callable
        ``mode_of(kind)`` says how calibrations of a kind come to be certified.
    begun_tai_ns : int
        When the run was asked for, TAI ns.
    retries : int
        How often what failed of the run was done again.
    """

    request: RunRequested
    rules: RuleSet
    instrument_hash: str
    engine_version: str
    frames: Mapping[str, Frame]
    certified: Lookup = lambda *_subject: ()
    elsewhere: Callable[..., Lookup] = lambda *_collections: lambda *_subject: ()
    footprint: Footprint = field(default_factory=Footprint)
    leaking_into: Callable[[int], Sequence[int]] = lambda _detector: ()
    gate: GateThresholds = field(default_factory=GateThresholds)
    trends: TrendRules = field(default_factory=TrendRules)
    comparison: ComparisonRules = field(default_factory=ComparisonRules)
    mode_of: Callable[[str], Mode] = lambda _kind: Mode.GATE
    begun_tai_ns: int = 0
    retries: int = 0

    @property
    def run_id(self) -> str:
        """The run."""
        return self.request.run_id

    def builds(self, kind: str) -> bool:
        """Whether calibrations of a kind are made, or else frames verified against those in force."""
        return self.request.generate or kind in self.request.build

    def head(self, kind: str) -> NodeType:
        """Type of node a branch of a kind begins with: building, or measuring against what is certified."""
        return NodeType.BUILD if self.builds(kind) else NodeType.MEASURE

    def mode(self, kind: str) -> VerificationMode:
        """Which calibrations frames are verified against."""
        return VerificationMode.INTERNAL if self.builds(kind) else VerificationMode.EXTERNAL

    @property
    def unverified(self) -> bool:
        """Whether nothing is verified."""
        return bool(self.request.skip_verification)

    def searched(self, kind: str) -> Lookup:
        """Return the look-up of the calibrations that sets of a kind take, or are verified against."""
        places = searched_for(self.request, kind, builds=self.builds(kind))
        return self.certified if places == (collection_of(self.request),) else self.elsewhere(*places)

    def node_id(self, node_type: NodeType, kind: str, set_key: str, *parts: object) -> str:
        """Return the identifier of a node."""
        return derive(self.run_id, "node", kind, set_key, node_type, *(str(part) for part in parts))
