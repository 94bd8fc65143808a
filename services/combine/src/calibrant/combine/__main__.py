"""``python -m calibrant.combine``: the combine service in a process of its own."""

import sys

from calibrant.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("calibrant.combine.app:create_app", "calibrant.combine.settings:CombineSettings"))
