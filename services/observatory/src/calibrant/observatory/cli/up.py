"""``calibrant up``: services until stopped, with their HTTP APIs under one address."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.observatory.cli.console import console, told
from calibrant.observatory.cli.options import Place, placed
from calibrant.observatory.cli.signals import ended_by_sigterm

if TYPE_CHECKING:
    from calibrant.observatory.settings import ObservatorySettings

OPEN_WARNING = (
    "warning: the API asks nobody who they are, and other machines can reach it. Keep it behind a network policy or "
    "a proxy that does"
)
Services = Annotated[list[str] | None, typer.Argument(help="Services to run; none named: all of them.")]


@placed
def up(
    place: Place,
    services: Services = None,
    *,
    host: Annotated[str, typer.Option(envvar="CALIBRANT_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="CALIBRANT_PORT", help="Port to listen on; 0: any free one.")
    ] = 8080,
    speed: Annotated[
        float,
        typer.Option(
            envvar="CALIBRANT_SPEED",
            help="Speed of the simulated camera: 1 is real time, 0 as fast as it can.",
        ),
    ] = 1.0,
) -> None:
    """Run services until stopped (Ctrl-C or SIGTERM); work in hand is finished first."""
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told(), suppress(KeyboardInterrupt, asyncio.CancelledError):  # stopped while it was starting
        settings = chosen(ObservatorySettings, **place.given(), host=host, port=port, speed=speed)
        asyncio.run(_up(place, settings, services))


async def _up(place: Place, settings: ObservatorySettings, names: list[str] | None) -> None:
    from calibrant.observatory.composition import SERVICES, observatory  # noqa: PLC0415
    from calibrant.observatory.http import observatory_app  # noqa: PLC0415
    from calibrant.runtime.main import listen, serve  # noqa: PLC0415

    with listen(settings.host, settings.port) as opened, ended_by_sigterm():
        async with observatory(settings, names or SERVICES) as running:
            host, port = opened.getsockname()[:2]
            console().print(f"calibrant listens on http://{host}:{port} (data in {place})")
            console().print(
                f"services: {', '.join(sorted(running.apps))}; documentation under /docs and /SERVICE/docs"
            )
            if not ip_address(host).is_loopback:
                console().print(OPEN_WARNING, style="yellow")
            await serve(observatory_app(running), opened)
