"""A worker as a process of its own: the probe service's jobs, each held until a file lets it go.

Owns no expectations. ``python -m calibrant.runtime.testing.probe_worker GATES``, settings from the environment, works
until SIGTERM. A job writes ``GATES/JOB.begun``, a line for each time it is computed, and waits for ``GATES/JOB.go``.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from multiprocessing import parent_process
from pathlib import Path
from time import sleep
from types import ModuleType

from calibrant.contracts.combine.v1 import CombineJob
from calibrant.runtime.handlers import Outcome, Workspace, collect, job
from calibrant.runtime.platform import open_platform
from calibrant.runtime.process import ServiceProcess, ServiceSpec
from calibrant.runtime.settings import PlatformSettings
from calibrant.runtime.testing.jobs import record_result
from calibrant.runtime.testing.probe_service import MIGRATIONS


def compute(job: CombineJob, workspace: Workspace) -> Outcome:
    """Say that it is begun, by which process, and wait to be let go."""
    parent = parent_process()
    assert parent is not None
    gates = Path(workspace.config["gates"])
    with (gates / f"{job.job_id}.begun").open("a", encoding="ascii") as file:
        file.write(f"{parent.pid}\n")
    while not (gates / f"{job.job_id}.go").exists():
        sleep(0.02)
    return Outcome()


async def work(gates: Path) -> None:
    """Work until SIGTERM, then drain."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    module = ModuleType("probe_worker_handlers")
    vars(module)["handler"] = job(CombineJob, compute=compute)(record_result)
    async with open_platform(PlatformSettings()) as platform:
        database = platform.database("combine")
        spec = ServiceSpec(
            "combine", None, collect(module), database, MIGRATIONS, config={"gates": str(gates)}
        )
        process = ServiceProcess(spec, platform)
        await process.start()
        try:
            await stopped.wait()
        finally:
            await process.stop(0.0)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
