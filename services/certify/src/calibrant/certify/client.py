"""For programs outside: ask the register over HTTP which calibration applies, and change it. Typed; knows no table.

Examples
--------
>>> from calibrant.certify.client import CertifyClient
>>> with CertifyClient("http://127.0.0.1:8080/certify") as certify:  # doctest: +SKIP
...     bias = certify.find("simcam", detector=1, kind="bias", at="2026-01-01T23:00:00")
...     print(bias.calibration.product, bias.why)
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import BaseModel, ConfigDict

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.certify.wishes import AnyWish

_NOT_FOUND, _TEMPORARY = 404, {408, 429, 500, 502, 503, 504}
_NO_PATH = "Not Found"  # what a server says that has no such path, which is no answer about calibrations


class Unreachable(TransientError):
    """The service is not there, or cannot answer now; the same may be asked again."""


class NotAccepted(PermanentError):
    """The service will not do it; the text is the service's, and says why."""


class NoneApplies(NotAccepted):
    """There is no such calibration, change or collection; the text says what comes close."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Calibration(_Answer):
    """A product that applies over [begin, end): TAI ns, and UTC as text; None is open."""

    id: str | None
    product: str
    kind: str
    instrument: str
    detector: int
    filter: str | None
    collection: str
    begin: str | None
    end: str | None
    begin_tai_ns: int | None
    end_tai_ns: int | None
    recorded_tai_ns: int
    report: str | None


class Step(_Answer):
    """What one of the collections that were searched has."""

    collection: str
    outcome: str
    why: str


class Found(_Answer):
    """The calibration that applies, why, what else would apply, and where it was searched."""

    calibration: Calibration
    why: str
    also: tuple[Calibration, ...]
    searched: tuple[Step, ...]


class Gap(_Answer):
    """A kind that a detector has no calibration of, why, and the nearest one before."""

    kind: str
    detector: int
    filter: str | None
    why: str
    before: Calibration | None


class Exposure(_Answer):
    """All calibrations for an exposure, and the gaps; with gaps, which names are none."""

    outcome: str
    searched: tuple[str, ...]
    calibrations: tuple[Calibration, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[str, ...] = ()


class Change(_Answer):
    """A change of the register: what, where, who, when, why."""

    id: str
    action: str
    collection: str
    who: str
    recorded_tai_ns: int
    why: str
    told: str
    undoes: str | None
    undone_by: str | None


class Collection(_Answer):
    """A collection, and what it searches if it is a chain."""

    name: str
    type: str
    members: tuple[str, ...]


class Changed(_Answer):
    """A change that was made; ``unchanged`` when the same request had made it before."""

    id: str
    told: str
    unchanged: bool


class CertifyClient:
    """Asks a certify service.

    Parameters
    ----------
    address : str
        Where it listens, such as ``http://127.0.0.1:8080/certify``.
    token : str
        Bearer token; empty where none is asked for.
    timeout_s : float
        How long an answer may take, in seconds.
    transport : httpx.BaseTransport or None
        Another way to the service than the network.

    Notes
    -----
    Every call raises ``Unreachable`` where the same may be asked again, ``NotAccepted`` where it may not. Times are
    text: UTC unless they end in TAI.
    """

    def __init__(
        self,
        address: str,
        *,
        token: str = "",
        timeout_s: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout_s, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def find(
        self,
        instrument: str,
        *,
        detector: int,
        kind: str,
        at: str,
        filter: str | None = None,  # noqa: A002 - the field's word
        collection: str | None = None,
        as_of: str | None = None,
    ) -> Found:
        """Find the calibration that applies to a detector at a time.

        Parameters
        ----------
        instrument, detector, kind, filter
            What is looked for; the filter counts for flats.
        at : str
            The instant.
        collection : str or None
            Where; None: ``<instrument>/calib/daily``.
        as_of : str or None
            As the register stood then.

        Raises
        ------
        NoneApplies
            There is none; the text says why and what comes close.
        """
        asked = {"instrument": instrument, "detector": detector, "kind": kind, "at": at, "filter": filter}
        told = self._get("/calibrations/find", **asked, collection=collection, as_of=as_of)
        return Found.model_validate(told)

    def exposure(
        self,
        instrument: str,
        *,
        at: str,
        kinds: Sequence[str] = (),
        detectors: Sequence[int] = (),
        filter: str | None = None,  # noqa: A002 - the field's word
        collection: str | None = None,
        as_of: str | None = None,
    ) -> Exposure:
        """Find all calibrations for a whole exposure; no kinds or detectors named: all that the camera has."""
        asked = {"instrument": instrument, "at": at, "kind": list(kinds), "detector": list(detectors)}
        told = self._get("/calibrations/exposure", **asked, filter=filter, collection=collection, as_of=as_of)
        return Exposure.model_validate(told)

    def history(
        self,
        *,
        collection: str | None = None,
        product: str | None = None,
        who: str | None = None,
        limit: int = 1000,
    ) -> list[Change]:
        """List changes, the latest first."""
        told = self._get("/changes", collection=collection, product=product, who=who, limit=limit)
        return [Change.model_validate(one) for one in told]

    def collections(self, *, as_of: str | None = None, limit: int = 1000) -> list[Collection]:
        """List collections by name, as they stand or stood at a time."""
        told = self._get("/collections", as_of=as_of, limit=limit)
        return [Collection.model_validate(one) for one in told]

    def change(self, wish: AnyWish) -> Changed:
        """Change the register; ``calibrant.certify.wishes`` has what may be wished.

        Give the wish a ``request`` of your own: then it may be sent again after ``Unreachable``.
        """
        return Changed.model_validate(self._answer("POST", "/changes", json=wish.model_dump(mode="json")))

    def _get(self, path: str, **asked: Any) -> Any:
        return self._answer("GET", path, params={key: one for key, one in asked.items() if one is not None})

    def _answer(self, method: str, path: str, **content: Any) -> Any:
        try:
            response = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise Unreachable(f"{self._http.base_url}: {error or type(error).__name__}") from error
        if response.is_success:
            return response.json()
        told = _told(response)
        words = told or f"{response.request.url} answers {response.status_code} {response.reason_phrase}"
        if response.status_code in _TEMPORARY:
            raise Unreachable(words)
        if response.status_code != _NOT_FOUND:
            raise NotAccepted(words)
        if told in {"", _NO_PATH}:
            raise NotAccepted(
                f"no certify service answers at {self._http.base_url}: give its address, such as http://HOST:8080/certify"
            )
        raise NoneApplies(words)


def _told(response: httpx.Response) -> str:
    """Return what the service says; empty where it is not one of ours."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return ""
