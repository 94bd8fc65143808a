"""``calibrant events``: what the services say to each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from calibrant.observatory.cli.console import console, fail, told
from calibrant.observatory.cli.options import AsJson, Place, placed

if TYPE_CHECKING:
    from calibrant.bus.ports import Bus, Record, TopicPartition

app = typer.Typer(help="What the services say to each other.", no_args_is_help=True)
POLL_S = 0.2


@app.command("tail")
@placed
def tail(
    place: Place,
    *,
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help="Only this topic; may be repeated.")
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="So many of the newest.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the newest events, oldest first."""
    with told():
        try:
            asyncio.run(_tail(place, topic, last, follow=follow, as_json=as_json))
        except KeyboardInterrupt:
            return


async def _tail(place: Place, names: list[str] | None, last: int, *, follow: bool, as_json: bool) -> None:
    from calibrant.contracts.flow import topics  # noqa: PLC0415
    from calibrant.runtime.adapters import known_log  # noqa: PLC0415

    for name in names or ():
        if name not in topics():
            fail(f"no topic {name!r}; there are {', '.join(topics())}")
    bus = await known_log(place.settings())
    if bus is None:
        fail(f"no events in {place.data_dir}: nothing has run there yet. Try `calibrant demo`")
    wanted = names or [name for name, topic in topics().items() if not topic.lossy]
    try:
        after = await bus.end_offsets(wanted)
        newest = await _read(bus, wanted, from_start=False, limit=last)
        for record in newest[-last:]:
            _show(record, as_json=as_json)
        while follow:
            await asyncio.sleep(POLL_S)
            records = await _read(bus, wanted, from_start=True, limit=1000, offsets=after)
            for record in records:
                _show(record, as_json=as_json)
                after = {**after, record.topic_partition: record.offset + 1}
    finally:
        await bus.close()


async def _read(
    bus: Bus,
    names: Sequence[str],
    *,
    from_start: bool,
    limit: int,
    offsets: Any = None,
) -> list[Record]:
    records: list[Record] = []
    for name in names:
        own: dict[TopicPartition, int] | None = (
            None if offsets is None else {tp: o for tp, o in offsets.items() if tp.topic == name}
        )
        records += await bus.read(name, from_start=from_start, limit=limit, offsets=own)
    return sorted(records, key=lambda r: (r.timestamp_ns, r.topic, r.partition, r.offset))


def _show(record: Record, *, as_json: bool) -> None:
    from calibrant.bus.cloudevents import from_record  # noqa: PLC0415
    from calibrant.bus.errors import Malformed  # noqa: PLC0415

    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    try:
        envelope = from_record(record)
    except Malformed as error:
        if as_json:
            typer.echo(json.dumps({**place, "unreadable": str(error)}))
        else:
            _line(f"{record.topic}[{record.partition}]@{record.offset} unreadable: {error}")
        return
    body = envelope.data.decode("utf-8", "replace")
    if as_json:
        event = {
            **place,
            "id": envelope.id,
            "type": envelope.type,
            "time": envelope.time_utc,
            "run": envelope.correlation_id,
            "cause": envelope.causation_id,
        }
        typer.echo(json.dumps({**event, "data": _parsed(body)}))
        return
    name = envelope.type.rpartition(".")[2]
    _line(f"{envelope.time_utc[11:23]} {record.topic:<18} {name:<22} {body}")


def _line(text: str) -> None:
    console().print(
        text[: max(console().width, 60)], markup=False, overflow="ignore", no_wrap=True, crop=False
    )


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
