"""Settings of archive."""

from pydantic import Field

from calibrant.runtime.settings import ServiceSettings


class ArchiveSettings(ServiceSettings):
    """Settings of the archive service."""

    authority: str = Field(
        default="calibrant",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,}$",
        description="Authority part of the identifiers ivo://AUTHORITY/archive?ID that the archive gives.",
    )
