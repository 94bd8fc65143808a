"""What a command or a service imports sooner or later, so that forks of one process have it; for tests alone."""

from calibrant.observatory.composition import SERVICES

IMPORTED = (
    "calibrant.observatory.cli.main",
    "calibrant.observatory.cli.show_run",
    "calibrant.observatory.demonstration",
    "calibrant.runtime.main",
    *(f"calibrant.{service}.app" for service in SERVICES),
    "calibrant.verify.page",
    "alembic.command",
    "alembic.ddl",
    "alembic.runtime.environment",
    "aiokafka",
    "astropy.table",
    "psycopg",
)
