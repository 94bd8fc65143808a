"""What new products are compared with: the calibrations in force at a set's frames when the run began.

What this run certifies itself does not count, nor what others certify meanwhile: the answer is the same whichever
set is decided first.
"""

from collections.abc import Iterable

from calibrant.contracts.times import time_range
from calibrant.contracts.verify.v1 import InForce
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Draft, Node, NodeType


def standing(draft: Draft, ground: Ground, measures: Iterable[Node]) -> list[InForce]:
    """Return the calibration in force for each measured detector that has one, other than what is verified.

    Parameters
    ----------
    draft : Draft
        The run's nodes.
    ground : Ground
        What the plan stands on; without building there is nothing new to compare.
    measures : iterable of Node
        What was measured of a set.
    """
    found = (_in_force(draft, ground, measure) for measure in measures if ground.builds(measure.kind))
    return [one for one in found if one is not None]


def _in_force(draft: Draft, ground: Ground, measure: Node) -> InForce | None:
    build = draft.beside(NodeType.BUILD, measure)
    if build is None or build.begin_tai_ns is None or measure.detector is None:
        return None
    at_tai_ns = build.begin_tai_ns
    for one in ground.certified(measure.kind, measure.detector, build.filter, at_tai_ns):
        known = one.recorded_tai_ns <= ground.begun_tai_ns
        if known and one.range.contains(at_tai_ns) and one.product.product_id != measure.product_id:
            return InForce(
                detector=measure.detector,
                product_id=one.product.product_id,
                validity=time_range(one.range.begin_tai_ns, one.range.end_tai_ns),
            )
    return None
