"""Raw frames: bytes in, checked arrays and header facts out, or a typed refusal."""

from calibrant.frames.reading.reader import RawFrame, read_frames
from calibrant.frames.reading.rejection import FrameRejected, RejectionReason
from calibrant.frames.reading.translation import HeaderFacts

__all__ = ["FrameRejected", "HeaderFacts", "RawFrame", "RejectionReason", "read_frames"]
