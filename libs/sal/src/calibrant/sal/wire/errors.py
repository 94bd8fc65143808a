"""What may be wrong with interfaces, registries and samples, by what a retry would do."""

from __future__ import annotations

from calibrant.bus.errors import PermanentError, PoisonError, TransientError


class InterfaceError(PermanentError):
    """The interface files are missing or wrong; the text names the file and what in it."""


class RegistryAway(TransientError):
    """The schema registry cannot be reached, or says that it cannot answer now."""


class RegistryRefused(PermanentError):
    """The schema registry refuses a schema or does not know what was asked; the text says what it says."""


class SampleMalformed(PoisonError):
    """A record is no sample in the framing of a schema registry, or its body does not fit its schema."""


class SampleWrong(PermanentError):
    """Values do not fit the topic that they are to be sent on: a programming error or a foreign interface."""
