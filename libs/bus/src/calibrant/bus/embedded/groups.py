"""Consumer groups in SQL: members, generations, assignment, offsets.

Owns the statements on groups, members and offsets; each function runs inside its caller's transaction.
Must not know threads or the event loop.

A change of membership gives the group a new generation. A member agrees to it once it has let go of what
it owned; when all have agreed, each computes the same assignment. Until a member agrees, or is expired,
nobody else owns its partitions, and its commits are taken.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calibrant.bus.embedded import log
from calibrant.bus.partitioner import murmur2
from calibrant.bus.process import Process
from calibrant.bus.records import TopicPartition


@dataclass(frozen=True, slots=True)
class Presence:
    """What a member has to know to take part: who and where it is, the time, and the session's length.

    Parameters
    ----------
    group
        Its group.
    process
        The process it lives in.
    now_ns
        POSIX time in nanoseconds.
    session_ns
        A member not heard of for longer is expired, in nanoseconds.
    """

    group: str
    process: Process
    now_ns: int
    session_ns: int


@dataclass(frozen=True, slots=True)
class Member:
    """A member and the generation it agreed to."""

    id: int
    generation: int


@dataclass(frozen=True, slots=True)
class Owned:
    """A partition that is owned: its row id, and the next offset to read."""

    partition_id: int
    position: int


def join(connection: sqlite3.Connection, presence: Presence, topics: Sequence[str]) -> Member:
    """Become a member, after expiring those that are gone; raises `UnknownTopic`."""
    for topic in topics:
        log.partition_ids(connection, topic)
    expire(connection, presence)
    generation = _next_generation(connection, presence.group)
    process = presence.process
    member_id = connection.execute(
        "INSERT INTO members (group_name, generation, heartbeat_ns, scope, pid, started) "
        "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (presence.group, generation, presence.now_ns, process.scope, process.pid, process.started),
    ).fetchone()[0]
    for topic in topics:
        connection.execute(
            "INSERT INTO member_topics SELECT ?, id FROM topics WHERE name = ?", (member_id, topic)
        )
        connection.execute(
            "INSERT OR IGNORE INTO subscriptions SELECT ?, id FROM topics WHERE name = ?",
            (presence.group, topic),
        )
    return Member(member_id, generation)


def leave(connection: sqlite3.Connection, group: str, member_id: int) -> None:
    """Stop being a member; nothing happens to one that is none any more."""
    if connection.execute("DELETE FROM members WHERE id = ?", (member_id,)).rowcount:
        _next_generation(connection, group)


def beat(connection: sqlite3.Connection, presence: Presence, member_id: int) -> bool:
    """Say that a member is there, and expire those that are gone; tell whether any were."""
    connection.execute("UPDATE members SET heartbeat_ns = ? WHERE id = ?", (presence.now_ns, member_id))
    return expire(connection, presence)


def expire(connection: sqlite3.Connection, presence: Presence) -> bool:
    """Drop members whose session timed out or whose process has ended; tell whether any did."""
    rows = connection.execute(
        "SELECT id, heartbeat_ns, scope, pid, started FROM members WHERE group_name = ?", (presence.group,)
    ).fetchall()
    gone = [
        (member_id,)
        for member_id, heartbeat_ns, scope, pid, started in rows
        if presence.now_ns - heartbeat_ns > presence.session_ns
        or presence.process.saw_end_of(Process(scope, pid, started))
    ]
    if gone:
        connection.executemany("DELETE FROM members WHERE id = ?", gone)
        _next_generation(connection, presence.group)
    return bool(gone)


def target(connection: sqlite3.Connection, group: str, member_id: int) -> int | None:
    """Give the group's generation; None when this member was expired."""
    row = connection.execute(
        "SELECT consumer_groups.generation FROM members "
        "JOIN consumer_groups ON name = group_name WHERE members.id = ? AND name = ?",
        (member_id, group),
    ).fetchone()
    return None if row is None else row[0]


def agree(connection: sqlite3.Connection, member: Member) -> None:
    """Agree to a generation, owning nothing any more."""
    connection.execute("UPDATE members SET generation = ? WHERE id = ?", (member.generation, member.id))


def settled(connection: sqlite3.Connection, group: str, generation: int) -> bool:
    """Tell whether this is the group's generation and all its members have agreed to it."""
    return bool(
        connection.execute(
            "SELECT EXISTS (SELECT 1 FROM consumer_groups WHERE name = :group AND generation = :generation) "
            "AND NOT EXISTS (SELECT 1 FROM members WHERE group_name = :group AND generation <> :generation)",
            {"group": group, "generation": generation},
        ).fetchone()[0]
    )


def assignment(connection: sqlite3.Connection, group: str, member_id: int) -> dict[TopicPartition, Owned]:
    """Compute what a member of a settled group owns: each topic's partitions in turn over its readers.

    The turn starts at a member that depends on the topic's name, so that small topics spread as well.
    """
    readers: dict[str, list[int]] = {}
    for topic, reader in connection.execute(
        "SELECT name, members.id FROM members JOIN member_topics ON member_id = members.id "
        "JOIN topics ON topics.id = topic_id WHERE group_name = ? ORDER BY name, members.id",
        (group,),
    ):
        readers.setdefault(topic, []).append(reader)
    owned = {}
    for topic, members in readers.items():
        first = murmur2(topic.encode())
        for number, partition_id in enumerate(log.partition_ids(connection, topic)):
            if members[(first + number) % len(members)] == member_id:
                position = _committed(connection, group, partition_id)
                owned[TopicPartition(topic, number)] = Owned(partition_id, position)
    return owned


def commit(connection: sqlite3.Connection, group: str, member: Member, offsets: Mapping[int, int]) -> bool:
    """Store the next offset per partition row id; False, and nothing, when the member agreed to give them up."""
    standing = connection.execute(
        "SELECT 1 FROM members WHERE id = ? AND generation = ?", (member.id, member.generation)
    ).fetchone()
    if standing is None:
        return False
    connection.executemany(
        "INSERT INTO offsets VALUES (?, ?, ?) "
        "ON CONFLICT (group_name, partition_id) DO UPDATE SET offset = excluded.offset",
        [(group, partition_id, offset) for partition_id, offset in offsets.items()],
    )
    return True


def committed(connection: sqlite3.Connection, group: str) -> dict[TopicPartition, int]:
    """Give every offset a group has committed."""
    rows = connection.execute(
        "SELECT name, number, offset FROM offsets JOIN partitions ON partitions.id = partition_id "
        "JOIN topics ON topics.id = topic_id WHERE group_name = ? ORDER BY name, number",
        (group,),
    )
    return {TopicPartition(topic, number): offset for topic, number, offset in rows}


def _committed(connection: sqlite3.Connection, group: str, partition_id: int) -> int:
    row = connection.execute(
        "SELECT offset FROM offsets WHERE group_name = ? AND partition_id = ?", (group, partition_id)
    ).fetchone()
    return 0 if row is None else row[0]


def _next_generation(connection: sqlite3.Connection, group: str) -> int:
    generation: int = connection.execute(
        "INSERT INTO consumer_groups VALUES (?, 1) "
        "ON CONFLICT (name) DO UPDATE SET generation = generation + 1 RETURNING generation",
        (group,),
    ).fetchone()[0]
    return generation
