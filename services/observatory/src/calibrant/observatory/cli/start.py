"""The first step of the ``calibrant`` command: its code is imported, then it runs.

Owns that order, and imports nothing before it is asked to: each process that computes imports this module again, for
``multiprocessing`` has it so, and needs nothing of the command. What runs is in `calibrant.observatory.cli.main`.
"""

from calibrant.runtime.garbage import sparing


def main() -> None:
    """Import the command and run it."""
    with sparing():
        from calibrant.observatory.cli.main import main as command  # noqa: PLC0415  it imports much
    command()
