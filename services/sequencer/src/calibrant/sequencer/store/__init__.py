"""What the sequencer keeps: its tables, and the one query class that its API and the command line use."""

from calibrant.sequencer.store.queries import SequencerQueries

__all__ = ["SequencerQueries"]
