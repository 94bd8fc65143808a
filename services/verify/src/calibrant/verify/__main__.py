"""``python -m calibrant.verify``: the verify service in a process of its own."""

import sys

from calibrant.runtime.main import run
from calibrant.verify.app import create_app
from calibrant.verify.settings import VerifySettings

if __name__ == "__main__":
    sys.exit(run(create_app, VerifySettings))
