"""The process of the S3 service for tests: moto, made as strict as a real service where that matters.

A conditional write is decided by one request at a time, and a body that was cut off stores nothing. Ends with its
parent, when its standard input ends: ``python -m calibrant.runtime.testing.s3_process PORT``.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Strict:
    """An application in front of moto's that reads whole bodies, and lets one request in at a time.

    Parameters
    ----------
    application
        Moto's.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        if len(body) < length:
            start(f"{HTTPStatus.BAD_REQUEST.value} IncompleteBody", [])
            return []
        environ["wsgi.input"] = io.BytesIO(body)
        with self._lock:
            return self._application(environ, start)


def main() -> None:
    """Serve until the standard input ends."""
    application = Strict(DomainDispatcherApplication(create_backend_app))
    server = make_server(
        "127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=MotoRequestHandler
    )
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
