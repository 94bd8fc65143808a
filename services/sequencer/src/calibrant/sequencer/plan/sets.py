"""From frames to sets, and from sets to the nodes that are expected of them."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from calibrant.contracts.ingest.v1 import Frame
from calibrant.rules.association import FrameFacts, FrameSet, LeftOut, organise
from calibrant.rules.classification import ImageType
from calibrant.rules.holding_out import HOLD_OUT, HoldOut, held_out, parsed
from calibrant.rules.rulesets import SetRule
from calibrant.sequencer.plan.choosing import choose
from calibrant.sequencer.plan.ground import Ground
from calibrant.sequencer.plan.model import Draft, Node, NodeState, NodeType
from calibrant.sequencer.plan.parameters import parameters_of
from calibrant.sequencer.plan.ruling import is_wanted
from calibrant.sequencer.plan.wording import counted

NAMES_TOLD = 3
"""File names that a reason names; of the rest only the number."""


def facts_of(frame: Frame) -> FrameFacts:
    """Return what the rules need to know of a frame.

    Raises
    ------
    ValueError
        The frame has an impossible value, such as a negative exposure time.
    """
    known = {member.value for member in ImageType}
    return FrameFacts(
        frame_id=frame.frame_id,
        exposure_id=frame.exposure_id,
        instrument=frame.instrument,
        detector=frame.detector,
        image_type=ImageType(frame.image_type) if frame.image_type in known else ImageType.UNKNOWN,
        begin_tai_ns=frame.begin.ns,
        exptime_s=frame.exposure_time_s,
        dark_time_s=frame.dark_time_s,
        filter=frame.filter,
        night=frame.night,
    )


def wanted(ground: Ground, rule: SetRule) -> bool:
    """Tell whether the run was asked for a kind of calibration."""
    return is_wanted(ground.request, rule)


def chosen_detector(ground: Ground, frame: Frame) -> bool:
    """Tell whether something is to be made of frames of a frame's detector."""
    return not ground.request.detectors or frame.detector in ground.request.detectors


def plan_kind(draft: Draft, ground: Ground, rule: SetRule) -> None:
    """Add the nodes of all sets of one kind; frames that go into none are named with the reason."""
    choice = choose(ground.frames, ground.request)
    apart = choice.discarded | choice.not_asked
    frames = [
        facts_of(frame)
        for frame_id, frame in ground.frames.items()
        if frame.image_type in rule.image_types and frame_id not in apart and chosen_detector(ground, frame)
    ]
    if ground.unverified and not ground.builds(rule.kind):
        return
    organised = organise(frames, rule)
    leave_out(draft, ground, rule, organised.left_out)
    for frame_set in organised.sets:
        add_set(draft, ground, rule, frame_set, family=frame_set.key)


def add_set(
    draft: Draft, ground: Ground, rule: SetRule, frame_set: FrameSet, *, family: str, note: str = ""
) -> None:
    """Add what is expected of a set: heads, measurements, the decision and the certifications."""
    rank = ground.rules.rules.index(rule)

    def node(node_type: NodeType, detector: int | None, **fields: Any) -> Node:
        parts = () if detector is None else (detector,)
        node_id = ground.node_id(node_type, rule.kind, frame_set.key, *parts)
        return draft.put(
            Node(
                node_id=node_id,
                run_id=ground.run_id,
                type=node_type,
                rank=rank,
                kind=rule.kind,
                set_key=frame_set.key,
                family=family,
                detector=detector,
                **fields,
            )
        )

    decide = ground.node_id(NodeType.DECIDE, rule.kind, frame_set.key)
    kept_out = _kept_out(ground, rule, frame_set)
    unknown = _unknown_told(ground, rule)
    for detector, frames in frame_set.frames_by_detector.items():
        held, why_not = _held_out(frames, kept_out, rule)
        head = node(
            ground.head(rule.kind),
            detector,
            frames=tuple(frame.frame_id for frame in frames),
            filter=frame_set.filter,
            begin_tai_ns=frames[0].begin_tai_ns,
            held_out=held,
            notes=tuple(text for text in (note, unknown, why_not) if text),
        )
        if ground.builds(rule.kind):
            if not ground.unverified:
                node(NodeType.MEASURE, detector, depends=(head.node_id,))
            node(NodeType.CERTIFY, detector, depends=(head.node_id if ground.unverified else decide,))
    if ground.unverified:
        return
    measures = [n for n in draft.of(NodeType.MEASURE, rule.kind) if n.set_key == frame_set.key]
    node(NodeType.DECIDE, None, depends=tuple(sorted(n.node_id for n in measures)))


def _kept_out(ground: Ground, rule: SetRule, frame_set: FrameSet) -> frozenset[str]:
    """Return the exposures of a set that are kept out of its product."""
    if not ground.builds(rule.kind):
        return frozenset()
    exposures = list(dict.fromkeys(frame.exposure_id for frame in frame_set.frames))
    return held_out(exposures, _hold_out_of(ground, rule))


def _hold_out_of(ground: Ground, rule: SetRule) -> HoldOut:
    """Return which exposures of a kind are to be kept out: as the run asks, else as the instrument says."""
    asked = ground.request.parameters.get(f"{rule.kind}.{HOLD_OUT}")
    return rule.hold_out if asked is None else parsed(json.loads(asked))


def _unknown_told(ground: Ground, rule: SetRule) -> str:
    """Name the exposures that are to be kept out but that no frame of the kind is of; empty: there is none."""
    wanted = _hold_out_of(ground, rule)
    if isinstance(wanted, int) or not ground.builds(rule.kind):
        return ""
    there = {frame.exposure_id for frame in ground.frames.values() if frame.image_type in rule.image_types}
    unknown = [name for name in wanted if name not in there]
    return f"{HOLD_OUT} names what no {rule.kind} frame is of: {', '.join(unknown)}" if unknown else ""


def _held_out(
    frames: Sequence[FrameFacts], kept_out: frozenset[str], rule: SetRule
) -> tuple[tuple[str, ...], str]:
    """Return a detector's frames that are kept out; or none, and why, where too few would be left to combine."""
    held = tuple(frame.frame_id for frame in frames if frame.exposure_id in kept_out)
    left = len(frames) - len(held)
    if left >= rule.min_frames:
        return held, ""
    return (), f"no frame is kept out to verify it: {left} would be left, {rule.min_frames} are needed"


def leave_out(draft: Draft, ground: Ground, rule: SetRule, left_out: Iterable[LeftOut]) -> None:
    """Record frames that go into no set as skipped nodes: sets that are too small, frames one by one."""
    alone: dict[tuple[int | None, str], list[str]] = {}
    for left in left_out:
        if left.set_key is None:
            alone.setdefault((left.detector, left.reason), []).extend(left.frame_ids)
            continue
        key, detector = left.set_key, left.detector
        told = left.reason + _lower_wish(ground, rule)
        skip(draft, ground, rule.kind, left.frame_ids, told, set_key=key, detector=detector, short=True)
    for (detector, reason), ids in alone.items():
        told = f"{named(ground, ids)}: {reason}"
        skip(draft, ground, rule.kind, ids, told, detector=detector)


def _lower_wish(ground: Ground, rule: SetRule) -> str:
    """Say that a set is not made smaller than its rule by a recipe's parameter, where that was asked for."""
    wish = json.loads(parameters_of(ground.request, rule.kind).get("min_inputs", "null"))
    if not isinstance(wish, int) or wish >= rule.min_frames:
        return ""
    return (
        f" by association.{rule.kind}.min_frames of {ground.request.instrument}'s instrument file, which "
        f"{rule.kind}.min_inputs={wish} does not lower"
    )


def leave_unused(draft: Draft, ground: Ground) -> None:
    """Record the frames that no node has, by type: nobody makes anything of them, or nobody asked for it."""
    choice = choose(ground.frames, ground.request)
    _leave_apart(draft, ground, choice.discarded, "discarded: the first ones, as asked")
    _leave_apart(draft, ground, choice.not_asked, "left out: the sequence does not ask for them")
    used = {frame_id for node in draft for frame_id in node.frames}
    unused: dict[tuple[str, bool], list[str]] = {}
    for frame in ground.frames.values():
        if frame.frame_id not in used:
            group = (frame.image_type, chosen_detector(ground, frame))
            unused.setdefault(group, []).append(frame.frame_id)
    rules = {str(rule.image_type): rule for rule in ground.rules.rules if not rule.on_request}
    for (image_type, chosen), ids in sorted(unused.items()):
        rule = rules.get(image_type)
        if rule is None:
            why = "no rule makes a calibration of them"
        elif not chosen:
            why = f"the run is of detectors {', '.join(map(str, ground.request.detectors))} alone"
        elif ground.unverified and not ground.builds(rule.kind):
            why = "neither made to anything nor verified, as asked"
        elif not wanted(ground, rule):
            why = f"not asked for: make is {', '.join(ground.request.make)}"
        else:
            why = f"their exposures were commanded as another type, and came when the {rule.kind} sets were planned"
        frames = counted(len(ids), f"{image_type} frame")
        reason = f"{frames} ({named(ground, ids)}): {why}"
        skip(draft, ground, image_type, sorted(ids), reason)


def _leave_apart(draft: Draft, ground: Ground, frame_ids: Collection[str], why: str) -> None:
    """Record frames that do not count, by type."""
    by_type: dict[str, list[str]] = {}
    for frame_id in sorted(frame_ids):
        by_type.setdefault(ground.frames[frame_id].image_type, []).append(frame_id)
    for image_type, ids in by_type.items():
        frames = counted(len(ids), f"{image_type} frame")
        skip(draft, ground, image_type, ids, f"{frames} ({named(ground, ids)}) {why}")


def leave_asked(draft: Draft, ground: Ground) -> None:
    """Record the kinds that the run names and has no frames for."""
    there = {frame.image_type for frame in ground.frames.values() if chosen_detector(ground, frame)}
    for rule in ground.rules.rules:
        if rule.kind in (*ground.request.make, *ground.request.build) and there.isdisjoint(rule.image_types):
            types = " and no ".join(rule.image_types)
            skip(draft, ground, rule.kind, (), f"asked for, but there are no {types} frames to make it of")


def skip(
    draft: Draft,
    ground: Ground,
    kind: str,
    frames: Iterable[str],
    reason: str,
    *,
    set_key: str = "",
    detector: int | None = None,
    short: bool = False,
) -> None:
    """Record that frames lead to nothing, and why; short: they are too few for their set."""
    parts = (detector,) if set_key else (detector, reason)
    rule = ground.rules.rule_for(kind)
    draft.put(
        Node(
            node_id=ground.node_id(ground.head(kind), kind, set_key, *parts),
            run_id=ground.run_id,
            type=ground.head(kind),
            rank=len(ground.rules.rules) if rule is None else ground.rules.rules.index(rule),
            kind=kind,
            set_key=set_key,
            family=set_key,
            detector=detector,
            state=NodeState.SKIPPED,
            frames=tuple(frames),
            reason=reason,
            short=short,
        )
    )


def named(ground: Ground, frame_ids: Iterable[str]) -> str:
    """Return the names of the frames' files, the first few of them."""
    names = sorted({ground.frames[frame_id].file_name for frame_id in frame_ids})
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return ", ".join(names[:NAMES_TOLD]) + more
