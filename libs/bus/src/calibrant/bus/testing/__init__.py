"""What an adapter has to pass. Imported by tests only; needs pytest and pytest-asyncio.

Owns the contract of `calibrant.bus.ports` as tests, and the child processes they kill. Must not know an adapter.
"""
