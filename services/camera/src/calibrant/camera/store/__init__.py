"""The camera's tables and the one class of queries over them."""

from calibrant.camera.store.queries import CameraQueries
from calibrant.camera.store.tables import (
    CAMERA_TABLES,
    AckRow,
    CommandRow,
    CommandState,
    ExposureRow,
    ExposureState,
    PlaylistRow,
    StatusRow,
)

__all__ = [
    "CAMERA_TABLES",
    "AckRow",
    "CameraQueries",
    "CommandRow",
    "CommandState",
    "ExposureRow",
    "ExposureState",
    "PlaylistRow",
    "StatusRow",
]
