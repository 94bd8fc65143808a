"""Every service in one process on the embedded log, and the calibrant command."""
