"""Images that a camera is asked for."""

from calibrant.camera.sequence import TakingImages

S_NS = 1_000_000_000


def taking(desk, **fields):
    desk.enable()
    command, _ = desk.take(**fields)
    return TakingImages(desk.service, command, "run-1")
