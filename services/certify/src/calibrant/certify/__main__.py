"""``python -m calibrant.certify``: the certify service in a process of its own."""

import sys

from calibrant.runtime.launch import launch

if __name__ == "__main__":
    sys.exit(launch("calibrant.certify.app:create_app", "calibrant.certify.settings:CertifySettings"))
