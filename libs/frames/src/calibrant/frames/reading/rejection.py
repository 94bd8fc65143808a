"""Owns why a file or frame is refused; must not know how the fault is found."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """Code of a refusal; the words are in the message."""

    UNREADABLE = "unreadable"  # the file is missing, a folder, or may not be read
    EMPTY = "empty"  # no bytes
    NOT_FITS = "not-fits"  # another kind of file, whatever its name says
    TRUNCATED = "truncated"  # the file ends before its data do
    CHANGED = "changed"  # the file was cut or written to while it was read
    CORRUPT = "corrupt"  # compressed data that do not decompress
    UNKNOWN_COMPRESSION = "unknown-compression"  # compressed in a way that is not read here
    TOO_LARGE = "too-large"  # more bytes than this instrument's frames can have
    MALFORMED_HEADER = "malformed-header"  # a header that breaks the FITS standard
    NO_IMAGE = "no-image"  # no image where the instrument says one is
    WRONG_INSTRUMENT = "wrong-instrument"  # the cards that identify the instrument say another
    WRONG_SHAPE = "wrong-shape"  # rows and columns are not the detector's
    UNKNOWN_DETECTOR = "unknown-detector"  # a detector that the instrument does not have
    MISSING_CARD = "missing-card"  # a card that is needed is not there
    BAD_CARD = "bad-card"  # a card of the wrong type or with an impossible value
    MISSING_TIME = "missing-time"  # nothing tells when the exposure began
    BAD_TIME = "bad-time"  # what tells it is no time
    MISSING_EXPOSURE_TIME = "missing-exposure-time"  # a dark, flat … without exposure time
    UNKNOWN_TYPE = "unknown-type"  # no classification rule holds
    NOT_A_NUMBER = "not-a-number"  # pixels without a value
    DUPLICATE = "duplicate"  # the same frame or pixels are known already (found by who keeps the frames)


class FrameRejected(Exception):
    """A file or frame is refused.

    Parameters
    ----------
    reason : RejectionReason
        The code.
    detail : str
        What was found, where (card, byte offset), and what to do. `read_frames` puts the file in front.
    """

    def __init__(self, reason: RejectionReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(reason, detail)

    def __str__(self) -> str:
        return self.detail

    def in_file(self, name: str) -> "FrameRejected":
        """Return the same refusal with the file named, in characters that can be shown."""
        return FrameRejected(self.reason, f"{shown(name)}: {self.detail}")


def shown(name: str) -> str:
    """Return a name with what a terminal would obey, or cannot show, written as an escape."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in name)
