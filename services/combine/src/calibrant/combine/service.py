"""The use cases of combine, over its store. Must not know the bus or HTTP."""

import json

from sqlmodel import Session

from calibrant.combine.facts import ProductFacts
from calibrant.combine.store import CombineQueries, ProductRow
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import Product
from calibrant.runtime.objects import ObjectStore


class CombineService:
    """Records products.

    Parameters
    ----------
    objects : ObjectStore
        Where their files are.
    """

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    def record(
        self,
        session: Session,
        job: CombineJob,
        product: Product,
        facts: ProductFacts,
        *,
        execution_id: str,
        now_tai_ns: int,
    ) -> None:
        """Insert a product unless it is known: the first recorded result of a job stays."""
        if session.get(ProductRow, product.product_id) is not None:
            return
        session.add(
            ProductRow(
                product_id=product.product_id,
                job_id=job.job_id,
                execution_id=execution_id,
                kind=product.kind,
                instrument=product.instrument,
                detector=product.detector,
                unit=product.unit,
                filter=product.filter,
                per_second=product.per_second,
                dark_time_s=product.dark_time_s,
                read_noise_e=product.read_noise_e,
                begin_tai_ns=facts.begin_tai_ns,
                end_tai_ns=facts.end_tai_ns,
                uri=product.ref.uri,
                sha256=product.ref.sha256,
                size_bytes=product.ref.size_bytes,
                media_type=product.ref.media_type,
                recipe_version=job.recipe_version,
                engine_version=job.engine_version,
                instrument_hash=job.instrument_hash,
                parameters=json.dumps(facts.parameters, sort_keys=True),
                inputs=json.dumps([one.model_dump(exclude_none=True) for one in facts.inputs]),
                recorded_tai_ns=now_tai_ns,
            )
        )

    def queries(self, session: Session) -> CombineQueries:
        """Return the queries over one transaction."""
        return CombineQueries(session, self.objects)
