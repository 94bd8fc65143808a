"""``python -m calibrant.sequencer``: the sequencer in a process of its own."""

import sys

from calibrant.runtime.main import run
from calibrant.sequencer.app import create_app
from calibrant.sequencer.settings import SequencerSettings

if __name__ == "__main__":
    sys.exit(run(create_app, SequencerSettings))
