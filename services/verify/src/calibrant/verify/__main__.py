"""``python -m calibrant.verify``: the verify service in a process of its own."""

import sys

from calibrant.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("calibrant.verify.app:create_app", "calibrant.verify.settings:VerifySettings"))
