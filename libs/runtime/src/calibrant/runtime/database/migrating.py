"""Running Alembic's revisions on an open connection.

Owns the way there without Alembic's configuration files. Knows no engine and no table.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

_ALEMBIC = threading.Lock()  # it keeps its context in module-level proxies
_OWN = Path(__file__).parents[1] / "migrations"


def revise(connection: Connection, locations: Sequence[Path], target: str, *, up: bool) -> None:
    """Bring the schema to a revision, in the caller's transaction.

    Parameters
    ----------
    connection : Connection
        In a transaction that is the only writer.
    locations : sequence of Path
        Folders with revisions, each a branch of its own beside the runtime's.
    target : str
        Revision to end at.
    up : bool
        Whether it is ahead of where the schema is.
    """
    # Alembic is imported here: whoever only reads need not wait for it.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", _escaped(_OWN))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(_escaped(place) for place in (_OWN, *locations)))
    script = ScriptDirectory.from_config(config)

    def steps(revision: Any, _context: object) -> Any:
        # The way alembic's own commands take; there is no public one.
        plan = script._upgrade_revs if up else script._downgrade_revs  # noqa: SLF001
        return plan(target, revision)

    with _ALEMBIC, EnvironmentContext(config, script, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=None)
        environment.run_migrations()


def _escaped(place: Path) -> str:
    return str(place).replace("%", "%%")
