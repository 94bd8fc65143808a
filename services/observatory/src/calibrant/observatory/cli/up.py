"""``calibrant up``: services until stopped, with their HTTP APIs under one address."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.observatory.cli.console import console, told
from calibrant.observatory.cli.options import Place, placed
from calibrant.observatory.cli.signals import ended_by_sigterm

if TYPE_CHECKING:
    from calibrant.observatory.settings import ObservatorySettings

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
    ops_host: Annotated[
        str,
        typer.Option(
            envvar="CALIBRANT_OPS_HOST",
            help="Address for probes and metrics, which need no credential; as --host when not given.",
        ),
    ] = "",
    ops_port: Annotated[
        int | None,
        typer.Option(
            envvar="CALIBRANT_OPS_PORT",
            help="Port for probes and metrics; the one after --port when not given.",
        ),
    ] = None,
    speed: Annotated[
        float,
        typer.Option(
            envvar="CALIBRANT_SPEED",
            help="Speed of the simulated camera: 1 is real time, 0 as fast as it can.",
        ),
    ] = 1.0,
) -> None:
    """Run services until stopped (Ctrl-C or SIGTERM); work in hand is finished first."""
    from calibrant.observatory.composition import SERVICES  # noqa: PLC0415
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415
    from calibrant.runtime.settings import chosen  # noqa: PLC0415

    with told(), suppress(KeyboardInterrupt, asyncio.CancelledError):  # stopped while it was starting
        http = {"host": host, "port": port, "ops_host": ops_host, "ops_port": ops_port}
        settings = chosen(ObservatorySettings, **place.given(), **http, speed=speed)
        asyncio.run(_up(place, settings, services or list(SERVICES)))


async def _up(place: Place, settings: ObservatorySettings, names: list[str]) -> None:
    from calibrant.observatory.composition import observatory  # noqa: PLC0415
    from calibrant.observatory.http import observatory_app  # noqa: PLC0415
    from calibrant.runtime.access.door import check_door, door_of  # noqa: PLC0415
    from calibrant.runtime.garbage import settle  # noqa: PLC0415
    from calibrant.runtime.ops import Watch, ops_app  # noqa: PLC0415
    from calibrant.runtime.serving import address_of, listen, serve, served  # noqa: PLC0415

    check_door(settings)
    watch = Watch(expected=len(set(names)))
    ops = settings.ops_address
    with (
        listen(settings.host, settings.port) as opened,
        listen(*ops, option="--ops-port") as beside,
        ended_by_sigterm(),
    ):
        async with (
            served(ops_app(watch), beside),
            observatory(settings.listening(address_of(opened)), names, watch=watch) as running,
        ):
            console().print(f"calibrant listens on {address_of(opened)} (data in {place})")
            console().print(f"probes and metrics: {address_of(beside)}")
            console().print(
                f"services: {', '.join(sorted(running.apps))}; documentation under /docs and /SERVICE/docs"
            )
            watch.doors["observatory"] = door = door_of(settings)
            settle()
            await serve(observatory_app(running, door), opened)
