"""The probe service's computation, in a module of its own: a child process imports nothing else."""

from __future__ import annotations

from typing import Any

from calibrant.runtime.handlers import Artifact, Outcome, Workspace


def compute(job: Any, workspace: Workspace) -> Outcome:
    """Write a file that depends on the job alone."""
    path = workspace.scratch / "product.txt"
    path.write_text(f"{job.recipe} of {job.job_id}", encoding="utf-8")
    artifact = Artifact(name="product", path=path.name, prefix="products", media_type="text/plain")
    return Outcome(artifacts=(artifact,), data={"length": path.stat().st_size}, backend="probe")
