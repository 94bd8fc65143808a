"""``python -m calibrant.certify``: the certify service in a process of its own."""

import sys

from calibrant.certify.app import create_app
from calibrant.certify.settings import CertifySettings
from calibrant.runtime.main import run

if __name__ == "__main__":
    sys.exit(run(create_app, CertifySettings))
