"""The ``calibrant`` command: one file a topic. Reads through the services' own queries."""
