"""What a plan is made of: its nodes, and the draft they are changed in."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from calibrant.contracts.common.v1 import DataRef, Product, TimeRange
from calibrant.contracts.verify.v1 import DetectorDecision
from calibrant.rules.decision import Outcome


class NodeType(StrEnum):
    """What a plan node stands for."""

    BUILD = "build"  # a product of one detector of a set
    MEASURE = "measure"  # the frames of one detector against a calibration
    DECIDE = "decide"  # the gate, for all detectors of a set
    CERTIFY = "certify"  # the certification of one detector's product


class NodeState(StrEnum):
    """How far a node is. All but the first three are final."""

    WAITING = "waiting"  # for what it depends on
    SENT = "sent"  # its job is with a worker
    ASKED = "asked"  # a person decides; the reason says why
    DONE = "done"
    WITHHELD = "withheld"  # a calibration that is not certified; the reason says why
    FAILED = "failed"  # its job gave no result
    SKIPPED = "skipped"  # there was nothing to do, or something required is missing


ENDED = frozenset({NodeState.DONE, NodeState.WITHHELD, NodeState.FAILED, NodeState.SKIPPED})


PENDING = frozenset({NodeState.SENT, NodeState.ASKED})
"""States in which an answer is awaited."""


class Used(BaseModel):
    """A calibration that fills a role, and why this one."""

    model_config = ConfigDict(frozen=True)

    role: str
    product: Product
    because: str


class Node(BaseModel):
    """One thing a plan expects. Build (or, without building, measure) nodes are the heads of their branch.

    Parameters
    ----------
    node_id : str
        Derived from run, kind, set, detector and type, so that a replay finds the same one.
    rank : int
        Place of the kind in build order.
    set_key, family : str
        The set, and the set it was before missing calibrations split it.
    depends : tuple of str
        Nodes waited for.
    frames : tuple of str
        Of heads: the frames of the set in this detector.
    short : bool
        Of heads: they are too few.
    held_out : tuple of str
        Of these, the frames that are kept out of the product, and verify it.
    begin_tai_ns : int or None
        Of heads: start of the first of them, TAI ns.
    used : tuple of Used
        Of heads: the calibrations chosen.
    product : Product or None
        Of build nodes: what was made. Of measure nodes: the reference.
    decided : str
        Of certify nodes that a person was asked about: accepted or rejected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    node_id: str
    run_id: str
    type: NodeType
    rank: int
    kind: str
    set_key: str
    family: str
    detector: int | None = None
    state: NodeState = NodeState.WAITING
    job_id: str = ""
    depends: tuple[str, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    short: bool = False
    held_out: tuple[str, ...] = ()
    filter: str | None = None
    begin_tai_ns: int | None = None
    used: tuple[Used, ...] = ()
    product: Product | None = None
    results: DataRef | None = None
    preview: DataRef | None = None
    report_id: str = ""
    outcome: str = ""
    decisions: tuple[DetectorDecision, ...] = ()
    findings: tuple[str, ...] = ()
    certification_id: str = ""
    decided: str = ""
    validity: TimeRange | None = None

    @property
    def combined(self) -> tuple[str, ...]:
        """Frames that a product is made of."""
        return tuple(frame for frame in self.frames if frame not in self.held_out)

    @property
    def ended(self) -> bool:
        """Whether nothing will change it any more."""
        return self.state in ENDED

    @property
    def product_id(self) -> str:
        """Identifier of its product; empty while there is none."""
        return "" if self.product is None else self.product.product_id

    @property
    def title(self) -> str:
        """What it is about, for people: kind, set and detector."""
        parts = (self.kind, self.set_key, "" if self.detector is None else f"detector {self.detector}")
        return " ".join(part for part in parts if part)

    def decision(self, detector: int) -> DetectorDecision | None:
        """Return what was decided for a detector; None when nothing was."""
        return next((d for d in self.decisions if d.detector == detector), None)

    @property
    def with_failures(self) -> tuple[int, ...]:
        """Detectors that were accepted although some of their tests failed."""
        some_failed = Outcome.CERTIFIED_WITH_FAILURES.value
        return tuple(sorted(d.detector for d in self.decisions if d.accepted and d.verdict == some_failed))


class Draft:
    """The nodes of a run while they are being changed; remembers what is to be stored.

    Parameters
    ----------
    nodes : iterable of Node
        As they are stored.
    """

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._nodes = {node.node_id: node for node in nodes}
        self._kinds: dict[tuple[NodeType, str], dict[str, None]] = {}
        for node in self._nodes.values():
            self._kinds.setdefault((node.type, node.kind), {})[node.node_id] = None
        self.changed: set[str] = set()
        self.removed: set[str] = set()
        self.changes = 0

    def __iter__(self) -> Iterator[Node]:
        return iter(list(self._nodes.values()))

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, node_id: str) -> Node | None:
        """Return a node; None when there is none."""
        return self._nodes.get(node_id)

    def of(self, node_type: NodeType, kind: str) -> list[Node]:
        """Return the nodes of one type and kind."""
        return [self._nodes[node_id] for node_id in self._kinds.get((node_type, kind), ())]

    def in_set(self, node_type: NodeType, node: Node) -> list[Node]:
        """Return the nodes of a type that belong to the set of another one, by detector."""
        found = (n for n in self.of(node_type, node.kind) if n.set_key == node.set_key)
        return sorted(found, key=lambda n: -1 if n.detector is None else n.detector)

    def beside(self, node_type: NodeType, node: Node) -> Node | None:
        """Return the node of another type for the same set and detector."""
        return next((n for n in self.in_set(node_type, node) if n.detector == node.detector), None)

    def put(self, node: Node) -> Node:
        """Add or replace a node."""
        if self._nodes.get(node.node_id) != node:
            self._nodes[node.node_id] = node
            self._kinds.setdefault((node.type, node.kind), {})[node.node_id] = None
            self.changed.add(node.node_id)
            self.removed.discard(node.node_id)
            self.changes += 1
        return node

    def change(self, node: Node, **fields: Any) -> Node:
        """Replace a node by one with some fields changed, and return that."""
        return self.put(node.model_copy(update=fields))

    def remove(self, node: Node) -> None:
        """Take a node out: what it expected was planned anew."""
        del self._nodes[node.node_id]
        del self._kinds[node.type, node.kind][node.node_id]
        self.changed.discard(node.node_id)
        self.removed.add(node.node_id)
        self.changes += 1
