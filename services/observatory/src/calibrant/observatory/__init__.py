"""Every service in one process, on what the settings name, and the calibrant command."""
