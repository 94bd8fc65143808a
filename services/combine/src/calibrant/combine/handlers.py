"""What combine does with messages: a job in, its product recorded and told. Decodes nothing, publishes nothing."""

from collections.abc import Iterable

from calibrant.combine.building import ARTIFACT, compute
from calibrant.combine.facts import ProductFacts
from calibrant.combine.service import CombineService
from calibrant.contracts.base import Message
from calibrant.contracts.combine.v1 import CombineJob
from calibrant.contracts.common.v1 import JobDone
from calibrant.runtime.handlers import Context, JobResult, job


@job(CombineJob, compute=compute, preload=("astropy.table",))  # astropy imports it with its first table
def record_product(
    message: CombineJob, result: JobResult, context: Context[CombineService]
) -> Iterable[Message]:
    """Record the product of a job and tell of it; a known job gives the same again."""
    facts = ProductFacts.model_validate(result.data)
    product = facts.message(message, result.artifacts[ARTIFACT])
    context.service.record(
        context.session,
        message,
        product,
        facts,
        execution_id=result.execution_id,
        now_tai_ns=context.clock.tai_ns(),
    )
    return [JobDone(job_id=message.job_id, execution_id=result.execution_id, products=(product,))]
