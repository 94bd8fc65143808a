"""Settings of combine. Owns none beside those of every service."""

from calibrant.runtime.settings import ServiceSettings


class CombineSettings(ServiceSettings):
    """Settings of the combine service."""
