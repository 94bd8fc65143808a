"""``python -m calibrant.camera``: the camera in a process of its own."""

import sys

from calibrant.camera.app import create_app
from calibrant.camera.settings import CameraSettings
from calibrant.runtime.main import run

if __name__ == "__main__":
    sys.exit(run(create_app, CameraSettings))
