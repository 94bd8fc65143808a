"""Messages of sequencer. Generated."""
