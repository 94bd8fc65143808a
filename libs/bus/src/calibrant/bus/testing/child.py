"""A process to be killed: ``python -m calibrant.bus.testing.child FACTORY ARGUMENTS ACTION TOPIC NAME``.

Owns four actions on a bus it opens itself; it says each thing it did on a line of its own, once it is done.

- ``write``: sends numbers for ever, keyed by NAME; says each number when acknowledged.
- ``write-200``: the same, 200 numbers, then ends.
- ``hold``: reads as a member of the group NAME, commits nothing; says each value.
- ``work``: reads one record at a time as a member of the group NAME and commits it; says each value then.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable
from importlib import import_module
from itertools import count

from calibrant.bus.ports import Bus, Message

PADDING = b"." * 2000


async def open_from(factory: str, arguments: str) -> Bus:
    """Open a bus by the name of its function, ``module:function``, and its keyword arguments in JSON."""
    module, _, name = factory.partition(":")
    bus: Bus = await getattr(import_module(module), name)(**json.loads(arguments))
    return bus


async def _write(bus: Bus, topic: str, name: str, numbers: Iterable[int]) -> None:
    async with bus.producer() as producer:
        for number in numbers:
            await producer.send([Message(topic, name, f"{name} {number} ".encode() + PADDING)])
            _say(str(number))


async def _read(bus: Bus, topic: str, group: str, *, commit: bool) -> None:
    async with bus.consumer(group, [topic]) as consumer:
        while True:
            for record in await consumer.fetch(max_records=1, timeout_s=1.0):
                if commit:
                    await consumer.commit({record.topic_partition: record.offset + 1})
                _say(record.value.decode())


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def main(factory: str, arguments: str, action: str, topic: str, name: str) -> None:
    """Open the bus and act until killed or done."""
    bus = await open_from(factory, arguments)
    try:
        if action.startswith("write"):
            await _write(bus, topic, name, range(200) if action == "write-200" else count())
        else:
            await _read(bus, topic, name, commit=action == "work")
    finally:
        await bus.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A process that a test of the bus kills.")
    for argument in ("factory", "arguments", "action", "topic", "name"):
        parser.add_argument(argument)
    asyncio.run(main(**vars(parser.parse_args())))
