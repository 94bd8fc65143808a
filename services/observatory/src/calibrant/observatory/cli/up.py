"""``calibrant up``: services until stopped, with their HTTP APIs under one address."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.observatory.cli.console import console, told
from calibrant.observatory.cli.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    from calibrant.observatory.settings import ObservatorySettings

Services = Annotated[list[str] | None, typer.Argument(help="Services to run; none named: all of them.")]


def up(
    services: Services = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.")] = 8080,
    speed: Annotated[
        float, typer.Option(help="Speed of the simulated camera: 1 is real time, 0 as fast as it can.")
    ] = 1.0,
) -> None:
    """Run services until stopped (Ctrl-C or SIGTERM); work in hand is finished first."""
    from calibrant.observatory.settings import ObservatorySettings  # noqa: PLC0415

    settings = ObservatorySettings(data_dir=data_dir, host=host, port=port, speed=speed)
    with told():
        asyncio.run(_up(settings, services))


async def _up(settings: ObservatorySettings, names: list[str] | None) -> None:
    from calibrant.observatory.composition import SERVICES, observatory  # noqa: PLC0415
    from calibrant.observatory.http import observatory_app  # noqa: PLC0415
    from calibrant.runtime.main import listen, serve  # noqa: PLC0415

    opened = listen(settings.host, settings.port)
    async with observatory(settings, names or SERVICES) as running:
        host, port = opened.getsockname()[:2]
        console().print(f"calibrant listens on http://{host}:{port} (data in {settings.data_dir})")
        console().print(
            f"services: {', '.join(sorted(running.apps))}; documentation under /docs and /SERVICE/docs"
        )
        await serve(observatory_app(running), opened)
