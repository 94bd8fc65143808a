"""``calibrant sal``: what a component of the observatory's control network says on the wire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrant.observatory.cli.console import Column, show_rows, told
from calibrant.observatory.cli.options import AsJson

if TYPE_CHECKING:
    from calibrant.sal.wire import Component

app = typer.Typer(help="SAL over Kafka: interface files and their schemas.", no_args_is_help=True)


@app.command()
def schemas(
    folder: Annotated[Path, typer.Argument(help="Checkout of ts_xml, or a folder laid out like its own.")],
    component: Annotated[str, typer.Argument(help="Component, such as ATCamera.")],
    *,
    subname: Annotated[
        str, typer.Option(envvar="LSST_TOPIC_SUBNAME", help="Second word of topics: sal in production.")
    ] = "test",
    register: Annotated[
        str, typer.Option(metavar="URL", help="Schema registry to register them at; nothing else changes.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show the Avro schemas of a component's topics, made from its interface files; register them if told to."""
    from calibrant.sal.wire import SchemaRegistry, read_component  # noqa: PLC0415

    with told():
        found = read_component(folder, component)
        rows = _rows(found, subname)
        if register:
            with SchemaRegistry(register) as registry:
                rows = [row | {"id": registry.register(row["subject"], row["schema"])} for row in rows]
    if not as_json:
        rows = [{key: one for key, one in row.items() if key != "schema"} for row in rows]
    columns = [
        Column("topic"),
        Column("kind"),
        Column("fields"),
        Column("revision"),
        Column("cleanup", varied=True),
    ]
    columns += [Column("id")] if register else []
    show_rows(f"Topics of {component}", columns, rows, as_json=as_json, empty="It has no topics.")


@app.command()
def rights(
    folder: Annotated[Path, typer.Argument(help="Checkout of ts_xml, or a folder laid out like its own.")],
    component: Annotated[str, typer.Argument(help="Component, such as ATCamera.")],
    *,
    brokers: Annotated[str, typer.Option(help="SAL's Kafka: HOST:PORT[,HOST:PORT].")],
    user: Annotated[str, typer.Option(help="The component's user there.")] = "camera",
    client: Annotated[
        list[str] | None, typer.Option(help="Also those of a user that commands it. May be repeated.")
    ] = None,
    subname: Annotated[
        str, typer.Option(envvar="LSST_TOPIC_SUBNAME", help="Second word of topics: sal in production.")
    ] = "test",
    config: Annotated[
        str, typer.Option(help="Properties file with the credentials of whoever grants them.")
    ] = "admin.properties",
) -> None:
    """Print the `kafka-acls` lines for SAL's brokers that let a component speak, and its clients command it."""
    from calibrant.contracts.access import acl_lines  # noqa: PLC0415
    from calibrant.sal.wire import read_component  # noqa: PLC0415
    from calibrant.sal.wire.rights import commander_rights, component_rights  # noqa: PLC0415

    with told():
        found = read_component(folder, component)
    granted = list(component_rights(found, subname, user))
    for one in client or ():
        granted += commander_rights(found, subname, one)
    for line in acl_lines(brokers, config, granted):
        typer.echo(line)


def _rows(component: Component, subname: str) -> list[dict[str, Any]]:
    """Return a row a topic, sorted by name as acknowledgements number them."""
    from calibrant.sal.wire import TopicNames, avro_schema, revision_code, topic_settings  # noqa: PLC0415

    rows = []
    for name in component.sorted_names:
        topic, schema = component.topics[name], avro_schema(component, component.topics[name])
        names = TopicNames(subname, component.name, name)
        rows.append(
            {
                "topic": names.kafka,
                "subject": names.subject,
                "kind": topic.kind,
                "fields": len(topic.fields),
                "revision": revision_code(schema),
                "cleanup": topic_settings(topic).get("cleanup.policy", "delete"),
                "schema": schema,
            }
        )
    return rows
