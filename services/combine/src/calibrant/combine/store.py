"""What combine keeps: one row a product. Executions of jobs are the runtime's.

Owns the table and the one query class that HTTP and the command line use. Times are TAI nanoseconds.
"""

import json
from typing import Any

from sqlalchemy import BigInteger, Column, Text
from sqlmodel import Field, Session, SQLModel, col, select

from calibrant.contracts.common.v1 import DataRef
from calibrant.runtime.objects import ObjectStore
from calibrant.runtime.tables import ExecutionRow


class ProductRow(SQLModel, table=True):
    """A product, as it was made; never changed."""

    __tablename__ = "combine_product"

    product_id: str = Field(primary_key=True)
    job_id: str = Field(index=True, unique=True)
    execution_id: str
    kind: str = Field(index=True)
    instrument: str
    detector: int
    unit: str
    filter: str | None = None
    per_second: bool
    dark_time_s: float | None = None
    read_noise_e: float | None = None
    begin_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    end_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))
    uri: str
    sha256: str
    size_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    media_type: str
    recipe_version: str
    engine_version: str
    instrument_hash: str
    parameters: str = Field(sa_column=Column(Text, nullable=False), description="JSON object")
    inputs: str = Field(sa_column=Column(Text, nullable=False), description="JSON: list of InputRecord")
    recorded_tai_ns: int = Field(sa_column=Column(BigInteger, nullable=False))


class CombineQueries:
    """Questions about products; answers are plain values.

    Parameters
    ----------
    session : Session
        A transaction for reading.
    objects : ObjectStore or None
        Tells where files are; None: ``path`` is the key in the object store.
    """

    def __init__(self, session: Session, objects: ObjectStore | None = None) -> None:
        self._session = session
        self._objects = objects

    def products(
        self,
        *,
        kind: str | None = None,
        instrument: str | None = None,
        detector: int | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """List products, those recorded last first.

        Parameters
        ----------
        kind, instrument, detector
            Only these; None: all.
        limit : int or None
            At most so many; None: all.

        Returns
        -------
        list of dict
            Each with ``id, kind, instrument, detector, state, unit, filter, path, inputs`` (ids of the frames
            combined) ``, calibrations, begin_tai_ns, end_tai_ns, job_id``.
        """
        query = select(ProductRow)
        wanted = {ProductRow.kind: kind, ProductRow.instrument: instrument, ProductRow.detector: detector}
        for column, value in wanted.items():
            if value is not None:
                query = query.where(col(column) == value)
        latest = col(ProductRow.recorded_tai_ns).desc()
        rows = self._session.exec(query.order_by(latest, col(ProductRow.product_id)).limit(limit)).all()
        return [self._summary(row) for row in rows]

    def product(self, product_id: str) -> dict[str, Any] | None:
        """Show one product with its provenance and the executions of its job; None when there is none.

        Returns
        -------
        dict or None
            The listing's fields; beside them ``inputs`` in full, ``parameters``, versions and ``executions``.
        """
        row = self._session.get(ProductRow, product_id)
        if row is None:
            return None
        runs = select(ExecutionRow).where(col(ExecutionRow.job_id) == row.job_id)
        runs = runs.order_by(col(ExecutionRow.begun_tai_ns))
        return {
            **self._summary(row),
            **row.model_dump(include=_DETAILS),
            "inputs": json.loads(row.inputs),
            "parameters": json.loads(row.parameters),
            "executions": [run.model_dump() for run in self._session.exec(runs).all()],
        }

    def file(self, product_id: str) -> DataRef | None:
        """Return the reference to a product's file; None when there is no such product."""
        row = self._session.get(ProductRow, product_id)
        if row is None:
            return None
        return DataRef(uri=row.uri, sha256=row.sha256, size_bytes=row.size_bytes, media_type=row.media_type)

    def _summary(self, row: ProductRow) -> dict[str, Any]:
        inputs = json.loads(row.inputs)
        path = row.uri.removeprefix("objects:") if self._objects is None else self._objects.locate(row.uri)
        return {
            "id": row.product_id,
            "kind": row.kind,
            "instrument": row.instrument,
            "detector": row.detector,
            "state": "built",
            "unit": row.unit,
            "filter": row.filter,
            "path": path,
            "inputs": [one["id"] for one in inputs if one["role"] == "frames"],
            "calibrations": [one["id"] for one in inputs if one["role"] not in {"frames", "sources"}],
            "begin_tai_ns": row.begin_tai_ns,
            "end_tai_ns": row.end_tai_ns,
            "job_id": row.job_id,
        }


_DETAILS = {
    "uri",
    "sha256",
    "size_bytes",
    "media_type",
    "per_second",
    "dark_time_s",
    "read_noise_e",
    "recipe_version",
    "engine_version",
    "instrument_hash",
    "execution_id",
    "recorded_tai_ns",
}
