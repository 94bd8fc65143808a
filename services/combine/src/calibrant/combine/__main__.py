"""``python -m calibrant.combine``: the combine service in a process of its own."""

import sys

from calibrant.combine.app import create_app
from calibrant.combine.settings import CombineSettings
from calibrant.runtime.main import run

if __name__ == "__main__":
    sys.exit(run(create_app, CombineSettings))
