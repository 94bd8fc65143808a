"""Where spans go: by OTLP over HTTP to a collector, in the background; what it does not take in time is lost.

Owns the connection. Nothing is imported, started or spent when there is no collector.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

TIMEOUT_S = 5.0
"""How long a collector may take for a batch, and at the end."""


@asynccontextmanager
async def exported(endpoint: str) -> AsyncIterator[SpanProcessor | None]:
    """Give what takes ended spans, until the block ends; then send what is left.

    Parameters
    ----------
    endpoint : str
        Address of the collector, ``http://HOST:PORT``; empty: there is none.
    """
    if not endpoint:
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=TIMEOUT_S)
    processor = BatchSpanProcessor(exporter, schedule_delay_millis=1000)
    try:
        yield processor
    finally:
        await asyncio.to_thread(processor.shutdown)
