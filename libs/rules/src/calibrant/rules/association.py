"""Organise: which frames belong together in a set; must not know where frames or calibrations are kept.

The whole exposure is what is grouped: its frames, one a detector, never end in different sets.
"""

from collections.abc import Callable, Collection, Iterable

from pydantic import Field

from calibrant.rules.classification import ImageType
from calibrant.rules.model import Frozen
from calibrant.rules.rulesets import GroupField, SetRule

TIME_TOLERANCE_S = 0.001
"""Exposure and dark times that differ by no more are the same time, s."""


class FrameFacts(Frozen):
    """What the rules need to know of a frame (one detector of one exposure); None: the header doesn't say."""

    frame_id: str
    exposure_id: str
    instrument: str
    detector: int
    image_type: ImageType
    begin_tai_ns: int = Field(description="start of the exposure, TAI ns since 1970")
    exptime_s: float | None = Field(default=None, ge=0)
    dark_time_s: float | None = Field(default=None, ge=0)
    filter: str | None = None
    night: str = Field(description="night it belongs to, as the instrument counts them: 20260101")


class DetectorFacts(Frozen):
    """What a choice of calibrations needs to know of one detector of a set."""

    set_kind: str
    set_key: str
    detector: int
    begin_tai_ns: int = Field(description="start of the set's first frame in this detector, TAI ns")
    filter: str | None = None
    dark_times_s: tuple[float | None, ...] = Field(description="of every frame, s; None: unknown")
    unit: str | None = Field(default=None, description="unit the set is processed in; None: not settled")


class FrameSet(Frozen):
    """Frames of one kind that belong together, ordered by begin and then id.

    ``filter`` is what all frames have in common, None when they differ or nobody knows.
    """

    kind: str
    key: str = Field(
        description="readable and stable within its kind: 20260101, 20260101-r, 20260101-2s, all"
    )
    filter: str | None = None
    frames: tuple[FrameFacts, ...] = Field(min_length=1)

    @property
    def frames_by_detector(self) -> dict[int, tuple[FrameFacts, ...]]:
        """Frames of each detector, detectors in ascending order."""
        detectors = sorted({frame.detector for frame in self.frames})
        return {d: tuple(frame for frame in self.frames if frame.detector == d) for d in detectors}


class LeftOut(Frozen):
    """Frames that go into no set, and why."""

    set_key: str | None = Field(
        default=None, description="the set that is too small; None: frames by themselves"
    )
    detector: int | None = None
    frame_ids: tuple[str, ...]
    reason: str


class Organised(Frozen):
    """The sets of one rule, by first begin and then key, and what was left out."""

    sets: tuple[FrameSet, ...]
    left_out: tuple[LeftOut, ...]


def organise(frames: Iterable[FrameFacts], rule: SetRule, without: Collection[str] = ()) -> Organised:
    """Make the sets of one kind.

    Parameters
    ----------
    frames : iterable of FrameFacts
        Frames of one instrument, of any type, in any order; those of other types are none of this rule's.
    rule : SetRule
        The rule of the kind.
    without : collection of str
        Roles that nothing can fill; the rule may split sets further then. A set that exists already is
        split by ``organise(frame_set.frames, rule, without=[role])``.

    Returns
    -------
    Organised
        The same for any order of the input.

    Raises
    ------
    ValueError
        Frames of two instruments, or a role that the rule doesn't have.
    """
    unknown = sorted(set(without) - {role.role for role in rule.roles})
    if unknown:
        raise ValueError(f"{rule.kind} has no role {unknown[0]!r}; its roles: {[r.role for r in rule.roles]}")
    mine = sorted((f for f in frames if f.image_type in rule.image_types), key=_order)
    instruments = sorted({frame.instrument for frame in mine})
    if len(instruments) > 1:
        raise ValueError(f"frames of {' and '.join(instruments)}: organise one instrument at a time")
    usable, left_out = _usable(mine, rule)
    fields = (*rule.group_by, *(f for role in sorted(without) for f in rule.split_without.get(role, ())))
    sets = []
    for key, members in _groups(usable, tuple(dict.fromkeys(fields))):
        kept, short = _enough(key, members, rule)
        left_out += short
        if kept:
            sets.append(_frame_set(key, kept, rule))
    sets.sort(key=lambda s: (s.frames[0].begin_tai_ns, s.key))
    return Organised(sets=tuple(sets), left_out=tuple(left_out))


def _order(frame: FrameFacts) -> tuple[int, str, int, str]:
    return (frame.begin_tai_ns, frame.exposure_id, frame.detector, frame.frame_id)


def _usable(frames: list[FrameFacts], rule: SetRule) -> tuple[list[FrameFacts], list[LeftOut]]:
    usable: list[FrameFacts] = []
    left_out: list[LeftOut] = []
    seen: dict[tuple[str, int], str] = {}
    for frame in frames:
        missing = [field for field in rule.needs if getattr(frame, field) is None]
        first = None if missing else seen.get((frame.exposure_id, frame.detector))
        if missing:
            reason = f"a {rule.kind} needs {missing[0]}, which the frame's header does not give"
        elif first is None:
            seen[frame.exposure_id, frame.detector] = frame.frame_id
            usable.append(frame)
            continue
        elif first == frame.frame_id:
            continue  # the same frame, told twice
        else:
            reason = (
                f"exposure {frame.exposure_id}, detector {frame.detector} is there already as frame {first}"
            )
        ids = (frame.frame_id,)
        left_out.append(LeftOut(detector=frame.detector, frame_ids=ids, reason=reason))
    return usable, left_out


def _groups(frames: list[FrameFacts], fields: tuple[GroupField, ...]) -> list[tuple[str, list[FrameFacts]]]:
    """Group exposures by what their first frame says of each field; the key is the group's readable name."""
    first: dict[str, FrameFacts] = {}
    for frame in frames:
        first.setdefault(frame.exposure_id, frame)
    names = {field: _namer(field, first.values()) for field in fields}
    groups: dict[tuple[str | None, ...], list[FrameFacts]] = {}
    for frame in frames:
        parts = tuple(names[field](first[frame.exposure_id]) for field in fields)
        groups.setdefault(parts, []).append(frame)
    return [("-".join(p for p in parts if p is not None) or "all", group) for parts, group in groups.items()]


def _namer(field: GroupField, frames: Iterable[FrameFacts]) -> Callable[[FrameFacts], str | None]:
    """Give a function that names a frame's value of a field; times within the tolerance get one name."""
    if field in ("night", "filter"):
        return lambda frame: getattr(frame, field)
    starts: list[float] = []
    for value in sorted(v for frame in frames if (v := getattr(frame, field)) is not None):
        if not starts or value - starts[-1] > TIME_TOLERANCE_S:
            starts.append(value)

    def name(frame: FrameFacts) -> str | None:
        value = getattr(frame, field)
        if value is None:
            return None
        start = max(start for start in starts if start <= value)
        return f"{start:.3f}".rstrip("0").rstrip(".") + "s"

    return name


def _enough(key: str, members: list[FrameFacts], rule: SetRule) -> tuple[list[FrameFacts], list[LeftOut]]:
    kept: list[FrameFacts] = []
    short: list[LeftOut] = []
    for detector in sorted({frame.detector for frame in members}):
        mine = [frame for frame in members if frame.detector == detector]
        by_type = {of: [f for f in mine if f.image_type is of] for of in rule.image_types}
        enough = [of for of, frames in by_type.items() if len(frames) >= rule.min_frames]
        kept += [frame for of in enough for frame in by_type[of]]
        few = {of: frames for of, frames in by_type.items() if frames and of not in enough}
        short += [_too_few(None if enough else key, detector, rule, few)] if few else []
    return sorted(kept, key=_order), short


def _too_few(
    key: str | None, detector: int, rule: SetRule, few: dict[ImageType, list[FrameFacts]]
) -> LeftOut:
    """Name the frames of a detector of whose types there are not enough; a key: there is no set without them."""
    counts = " and ".join(f"{len(frames)} {of}" for of, frames in few.items())
    each = " of a type" if rule.beside else ""
    noun = "frame" if sum(map(len, few.values())) == 1 else "frames"
    return LeftOut(
        set_key=key,
        detector=detector,
        frame_ids=tuple(frame.frame_id for frames in few.values() for frame in frames),
        reason=f"{counts} {noun} of detector {detector}, {rule.min_frames}{each} are needed",
    )


def _frame_set(key: str, frames: list[FrameFacts], rule: SetRule) -> FrameSet:
    filters = {frame.filter for frame in frames}
    return FrameSet(
        kind=rule.kind,
        key=key,
        filter=filters.pop() if len(filters) == 1 else None,
        frames=tuple(frames),
    )
