"""Settings of certify. Owns none beside those of every service."""

from calibrant.runtime.settings import ServiceSettings


class CertifySettings(ServiceSettings):
    """Settings of the certify service."""
