"""``python -m calibrant.archive``: the archive service in a process of its own."""

import sys

from calibrant.archive.app import create_app
from calibrant.archive.settings import ArchiveSettings
from calibrant.runtime.main import run

if __name__ == "__main__":
    sys.exit(run(create_app, ArchiveSettings))
