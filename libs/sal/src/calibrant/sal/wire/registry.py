"""A client of a schema registry's HTTP contract (Confluent's): schemas are registered once and found by number.

Owns the requests, and what its answers mean. Must not know what schemas are for.
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import httpx

from calibrant.sal.wire.errors import RegistryAway, RegistryRefused
from calibrant.sal.wire.schemas import Schema

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_TEMPORARY = {408, 429, 500, 502, 503, 504}
_TIMEOUT_S = 30.0


class SchemaRegistry:
    """Asks a schema registry. A context manager: connections close at its end.

    Parameters
    ----------
    address
        Where it listens, such as ``http://HOST:8081``.
    transport
        Another way to it than the network.

    Notes
    -----
    Every call raises ``RegistryAway`` where the same may be asked again, ``RegistryRefused`` where it may not.
    """

    def __init__(self, address: str, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
        try:
            self._http = httpx.Client(
                base_url=address, headers=headers, timeout=_TIMEOUT_S, transport=transport
            )
        except httpx.InvalidURL as error:
            raise RegistryRefused(f"{address!r} is no address of a schema registry: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def register(self, subject: str, schema: Schema) -> int:
        """Register a schema and return its number; one that is there already keeps its own.

        Raises
        ------
        RegistryRefused
            It is no schema, or the subject's readers or writers could not go on with it.
        """
        told = self._answer("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})
        return _whole(told, "id", subject)

    def schema(self, number: int) -> Schema:
        """Return the schema of a number.

        Raises
        ------
        RegistryRefused
            There is none.
        """
        told = self._answer("GET", f"/schemas/ids/{number}")
        try:
            found = json.loads(told["schema"])
        except (KeyError, TypeError, ValueError):
            found = None
        if not isinstance(found, dict):
            raise RegistryRefused(f"{self._http.base_url}: schema {number} is no record")
        return found

    def _answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except (httpx.TransportError, httpx.UnsupportedProtocol) as error:
            raise RegistryAway(
                f"schema registry {self._http.base_url}: {error or type(error).__name__}"
            ) from None
        if not response.is_success:
            kind = RegistryAway if response.status_code in _TEMPORARY else RegistryRefused
            raise kind(f"schema registry {self._http.base_url}{path}: {_told(response)}")
        try:
            return response.json()
        except ValueError:
            raise RegistryRefused(
                f"{self._http.base_url} is no schema registry: it answers no JSON"
            ) from None


def _whole(told: Any, name: str, about: str) -> int:
    value = told.get(name) if isinstance(told, dict) else None
    if not isinstance(value, int):
        raise RegistryRefused(f"the schema registry gives {about} no {name}: {told!r}")
    return value


def _told(response: httpx.Response) -> str:
    """Return what the registry says, with its own number of the error."""
    try:
        told = response.json()
        return f"{told['error_code']}: {told['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}"
