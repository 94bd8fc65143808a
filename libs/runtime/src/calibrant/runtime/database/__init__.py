"""A service's own database: SQLite in a file, or a schema of its own in PostgreSQL.

Owns transactions, migrations, and what an engine's errors mean for a retry. Knows no table.
"""

from calibrant.runtime.database.database import Database
from calibrant.runtime.database.engine import (
    DatabaseDamaged,
    DatabaseRefused,
    DatabaseUnavailable,
    ValueRefused,
)

__all__ = ["Database", "DatabaseDamaged", "DatabaseRefused", "DatabaseUnavailable", "ValueRefused"]
