"""``calibrant topics``: the topics of the data flow on the log, for whoever runs its brokers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from calibrant.observatory.cli.console import Column, fail, show_rows, told
from calibrant.observatory.cli.options import AsJson, Place, placed

if TYPE_CHECKING:
    from calibrant.bus.ports import TopicSpec
    from calibrant.runtime.settings import PlatformSettings

app = typer.Typer(help="The topics of the data flow, and who may do what on them.", no_args_is_help=True)


@app.command("list")
def listing(*, as_json: AsJson = False) -> None:
    """List the topics: who writes and who reads them, how many partitions they have, how long they keep records."""
    from calibrant.contracts.flow import topics  # noqa: PLC0415

    rows = [
        {
            "topic": topic.name,
            "producer": topic.producer,
            "consumers": ", ".join(topic.consumers),
            "partitions": topic.partitions,
            "retention_days": topic.retention_days,
        }
        for topic in topics().values()
    ]
    columns = [Column("topic"), Column("producer"), Column("consumers"), Column("partitions")]
    show_rows("Topics", [*columns, Column("retention_days")], rows, as_json=as_json, empty="There are none.")


@app.command()
@placed
def create(place: Place) -> None:
    """Make the topics that are missing, and bring the retention of the others up to date.

    Services make their own topics where their users may. Where those have only the rights that `rights` prints, give this command
    once as a user who may make topics, and again after an update.
    """
    with told():
        specs = asyncio.run(_create(place.settings()))
    typer.echo(f"{len(specs)} topics are there, {sum(spec.partitions for spec in specs)} partitions in all")


async def _create(settings: PlatformSettings) -> list[TopicSpec]:
    from calibrant.runtime.adapters import open_log  # noqa: PLC0415
    from calibrant.runtime.platform import topic_specs  # noqa: PLC0415

    bus = await open_log(settings)
    try:
        specs = topic_specs()
        await bus.ensure_topics(specs)
    finally:
        await bus.close()
    return specs


@app.command()
@placed
def rights(
    place: Place,
    *,
    config: Annotated[
        str, typer.Option(help="Properties file with the credentials of whoever grants them.")
    ] = "admin.properties",
    client: Annotated[
        list[str] | None,
        typer.Option(
            help="Also those of a user that commands cameras and queues over the log. May be repeated."
        ),
    ] = None,
    sal: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COMPONENT",
            help="Also those of a camera of this name that speaks SAL (calibrant sal rights has SAL's own). May be repeated.",
        ),
    ] = None,
) -> None:
    """Print the `kafka-acls` lines that give every service the rights it needs on the log, and no others."""
    from calibrant.contracts import access  # noqa: PLC0415
    from calibrant.runtime import addresses  # noqa: PLC0415

    with told():
        bus = place.settings().bus
    if not bus:
        fail("only brokers know rights: name them with --bus kafka://HOST:PORT")
    parts = [access.rights_of(one) for one in access.services()]
    parts += [access.telling_rights(one) for one in sal or ()]
    parts += [access.client_rights(one) for one in client or ()]
    for part in parts:
        for line in access.acl_lines(addresses.brokers(bus), config, part):
            typer.echo(line)
