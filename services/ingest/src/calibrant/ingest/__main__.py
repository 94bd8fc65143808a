"""``python -m calibrant.ingest``: the ingest service in a process of its own."""

import sys

from calibrant.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("calibrant.ingest.app:create_app", "calibrant.ingest.settings:IngestSettings"))
