"""``python -m calibrant.sequencer``: the sequencer in a process of its own."""

import sys

from calibrant.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("calibrant.sequencer.app:create_app", "calibrant.sequencer.settings:SequencerSettings"))
