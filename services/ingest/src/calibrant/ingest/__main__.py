"""``python -m calibrant.ingest``: the ingest service in a process of its own."""

import sys

from calibrant.ingest.app import create_app
from calibrant.ingest.settings import IngestSettings
from calibrant.runtime.main import run

if __name__ == "__main__":
    sys.exit(run(create_app, IngestSettings))
