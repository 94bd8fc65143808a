"""``python -m calibrant.camera``: the camera in a process of its own."""

import sys

from calibrant.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("calibrant.camera.app:create_app", "calibrant.camera.settings:CameraSettings"))
