"""``python -m calibrant.archive``: the archive service in a process of its own."""

import sys

from calibrant.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("calibrant.archive.app:create_app", "calibrant.archive.settings:ArchiveSettings"))
