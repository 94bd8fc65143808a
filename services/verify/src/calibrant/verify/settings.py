"""Settings of verify. Owns none beside those of every service."""

from calibrant.runtime.settings import ServiceSettings


class VerifySettings(ServiceSettings):
    """Settings of the verify service."""
