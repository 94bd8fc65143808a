"""Settings of ingest. Owns none beside those of every service."""

from calibrant.runtime.settings import ServiceSettings


class IngestSettings(ServiceSettings):
    """Settings of the ingest service."""
