"""What ingest keeps: frames, which acquisition they came with, and refusals.

Owns the tables and the one query class that HTTP and the command line use. Times are TAI nanoseconds.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, Session, SQLModel, col, select

from calibrant.frames.times import utc_text


class FrameRow(SQLModel, table=True):
    """A frame's facts, once, as the latest acquisition that brought it read them."""

    __tablename__ = "ingest_frame"

    frame_id: str = Field(primary_key=True)
    pixels_sha256: str | None = Field(default=None, index=True, description="None: all pixels are equal")
    instrument: str = Field(index=True)
    detector: int
    exposure_id: str
    image_type: str
    image_type_because: str
    begin_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    exposure_time_s: float | None = None
    dark_time_s: float | None = None
    filter: str | None = None
    night: str = Field(index=True)
    file_name: str
    uri: str
    sha256: str
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    media_type: str
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class AcquisitionFrameRow(SQLModel, table=True):
    """A frame of an acquisition; the key lets the same frame in only once."""

    __tablename__ = "ingest_acquisition_frame"

    acquisition_id: str = Field(primary_key=True)
    frame_id: str = Field(primary_key=True, foreign_key="ingest_frame.frame_id")
    job_id: str
    file_name: str
    run_id: str
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class RejectionRow(SQLModel, table=True):
    """A refused file, with the reason."""

    __tablename__ = "ingest_rejection"

    job_id: str = Field(primary_key=True)
    acquisition_id: str = Field(index=True)
    instrument: str
    file_name: str
    reason: str
    message: str = Field(sa_column=Column(Text, nullable=False))
    kept: str | None = Field(default=None, description="address of the copy kept aside; None: there is none")
    run_id: str
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class IngestQueries:
    """Questions about frames and refusals; answers are plain values.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def frames(
        self,
        *,
        instrument: str | None = None,
        image_type: str | None = None,
        night: str | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """List frames, the latest exposure first.

        Parameters
        ----------
        instrument, image_type, night
            Only these (night: observing day YYYYMMDD); None: all.
        limit : int or None
            At most so many; None: all.

        Returns
        -------
        list of dict
            Each with ``id, instrument, detector, exposure, image_type, begin`` (UTC) ``, begin_tai_ns, night,
            exposure_time_s, dark_time_s, filter, file_name, path`` (key in the object store).
        """
        query = select(FrameRow)
        wanted = {FrameRow.instrument: instrument, FrameRow.image_type: image_type, FrameRow.night: night}
        for column, value in wanted.items():
            if value is not None:
                query = query.where(col(column) == value)
        latest = (col(FrameRow.begin_tai_ns).desc(), col(FrameRow.detector), col(FrameRow.frame_id))
        return [_summary(row) for row in self._session.exec(query.order_by(*latest).limit(limit)).all()]

    def frame(self, frame_id: str) -> dict[str, Any] | None:
        """Show one frame and the acquisitions that brought it; None when there is none.

        Returns
        -------
        dict or None
            The listing's fields; beside them ``image_type_because, sha256, size_bytes, acquisitions``.
        """
        row = self._session.get(FrameRow, frame_id)
        if row is None:
            return None
        links = select(AcquisitionFrameRow).where(col(AcquisitionFrameRow.frame_id) == frame_id)
        links = links.order_by(col(AcquisitionFrameRow.recorded_tai_ns))
        return {
            **_summary(row),
            **row.model_dump(include={"image_type_because", "sha256", "size_bytes"}),
            "acquisitions": [
                {"acquisition": link.acquisition_id, "run": link.run_id, "file_name": link.file_name}
                for link in self._session.exec(links).all()
            ],
        }

    def rejections(
        self, *, instrument: str | None = None, run: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """List refused files, the latest first.

        Parameters
        ----------
        instrument, run
            Only of these; None: all.
        limit : int or None
            At most so many; None: all.

        Returns
        -------
        list of dict
            Each with ``id, file_name, reason, message, instrument, acquisition, run, path, recorded`` (UTC).
        """
        query = select(RejectionRow)
        for column, value in {RejectionRow.instrument: instrument, RejectionRow.run_id: run}.items():
            if value is not None:
                query = query.where(col(column) == value)
        latest = (col(RejectionRow.recorded_tai_ns).desc(), col(RejectionRow.file_name))
        return [
            {
                "id": row.job_id,
                "file_name": row.file_name,
                "reason": row.reason,
                "message": row.message,
                "instrument": row.instrument,
                "acquisition": row.acquisition_id,
                "run": row.run_id,
                "path": None if row.kept is None else row.kept.removeprefix("objects:"),
                "recorded": utc_text(row.recorded_tai_ns),
            }
            for row in self._session.exec(query.order_by(*latest).limit(limit)).all()
        ]


def _summary(row: FrameRow) -> dict[str, Any]:
    return {
        "id": row.frame_id,
        "instrument": row.instrument,
        "detector": row.detector,
        "exposure": row.exposure_id,
        "image_type": row.image_type,
        "begin": utc_text(row.begin_tai_ns),
        "begin_tai_ns": row.begin_tai_ns,
        "night": row.night,
        "exposure_time_s": row.exposure_time_s,
        "dark_time_s": row.dark_time_s,
        "filter": row.filter,
        "file_name": row.file_name,
        "path": row.uri.removeprefix("objects:"),
    }
