"""A double of a schema registry: keeps the HTTP contract of Confluent's, in memory.

Owns what a registry answers: numbers shared by equal schemas, versions by subject, compatibility "BACKWARD" as it is set
by default, and its error codes. Reached without a network, or served on a free port of this machine.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fastavro
import httpx
from fastavro.read import SchemaResolutionError

from calibrant.sal.wire.registry import MEDIA_TYPE

Answer = tuple[int, Any]
_ACCEPTED = {MEDIA_TYPE, "application/vnd.schemaregistry+json", "application/json"}


@dataclass(slots=True)
class RegistryDouble:
    """A schema registry in memory.

    Parameters
    ----------
    schemas
        Canonical texts of schemas; a schema's number is its place, from 1.
    subjects
        Numbers of each subject's versions, the oldest first.
    away
        Whether it answers 503 to everything.
    """

    schemas: list[str] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    away: bool = False

    def transport(self) -> httpx.MockTransport:
        """Return a way to it for a client, without a network."""
        return httpx.MockTransport(self._over_httpx)

    def answer(self, method: str, path: str, media_type: str, body: bytes) -> Answer:
        """Answer a request: the status and what the body says."""
        if self.away:
            return 503, {"error_code": 50302, "message": "no leader"}
        if method == "POST" and media_type not in _ACCEPTED:
            return 415, {"error_code": 415, "message": "HTTP 415 Unsupported Media Type"}
        match method, path.strip("/").split("/"):
            case "POST", ["subjects", subject, "versions"]:
                return self._register(subject, body)
            case "GET", ["subjects", subject, "versions", "latest"]:
                return self._latest(subject)
            case "GET", ["schemas", "ids", number]:
                return self._by_number(number)
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _register(self, subject: str, body: bytes) -> Answer:
        try:
            schema = json.loads(json.loads(body)["schema"])
            parsed = fastavro.parse_schema(schema)
        except Exception as error:  # noqa: BLE001  whatever is wrong with it, it is no schema
            return 422, {"error_code": 42201, "message": f"Invalid schema: {error}"}
        versions = self.subjects.get(subject, [])
        if versions and not _reads(parsed, json.loads(self.schemas[versions[-1] - 1])):
            return 409, {
                "error_code": 409,
                "message": f"Schema is incompatible with an earlier one of {subject}",
            }
        number = self._number(json.dumps(schema, separators=(",", ":")))
        if number not in versions:
            self.subjects[subject] = [*versions, number]
        return 200, {"id": number}

    def _number(self, text: str) -> int:
        if text not in self.schemas:
            self.schemas.append(text)
        return self.schemas.index(text) + 1

    def _latest(self, subject: str) -> Answer:
        versions = self.subjects.get(subject)
        if not versions:
            return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        text = self.schemas[versions[-1] - 1]
        return 200, {"subject": subject, "version": len(versions), "id": versions[-1], "schema": text}

    def _by_number(self, number: str) -> Answer:
        if not number.isdigit() or not 1 <= int(number) <= len(self.schemas):
            return 404, {"error_code": 40403, "message": f"Schema {number} not found"}
        return 200, {"schema": self.schemas[int(number) - 1]}

    def _over_httpx(self, request: httpx.Request) -> httpx.Response:
        media_type = request.headers.get("Content-Type", "")
        status, told = self.answer(request.method, request.url.path, media_type, request.content)
        return httpx.Response(status, json=told, headers={"Content-Type": MEDIA_TYPE})


@contextmanager
def served(double: RegistryDouble) -> Iterator[str]:
    """Serve a double over HTTP until the block ends; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            status, told = double.answer(self.command, self.path, self.headers.get("Content-Type", ""), body)
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", MEDIA_TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _reads(reader: Any, writer: Any) -> bool:
    """Tell whether a schema reads what another has written: a sample of nothing but defaults."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(writer), {})
    body.seek(0)
    try:
        fastavro.schemaless_reader(body, fastavro.parse_schema(writer), reader)
    except SchemaResolutionError:
        return False
    return True
