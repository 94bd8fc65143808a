"""Raw frames: checked header facts, and pixels in memory or row by row from the file; or a typed refusal."""

from calibrant.frames.reading.opening import OpenFrame, open_frames
from calibrant.frames.reading.reader import RawFrame, read_frames
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.reading.translation import HeaderFacts

__all__ = [
    "FrameRejected",
    "HeaderFacts",
    "OpenFrame",
    "RawFrame",
    "RejectionReason",
    "open_frames",
    "read_frames",
]
