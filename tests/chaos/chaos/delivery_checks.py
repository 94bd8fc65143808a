"""Checks of delivery: nothing waits, nothing was given up, everything was dealt with once. Pure."""

from __future__ import annotations

from calibrant.contracts.flow import topics
from chaos.checked import Checked, checked, twice
from chaos.left import Left


def outboxes(left: Left) -> Checked:
    """Nothing waits to be sent."""
    wrong = [f"{service}: {row['topic']} {row['key']}" for service, row in left.everywhere("outbox")]
    return checked("outboxes empty", len(_services(left)), wrong)


def inboxes(left: Left) -> Checked:
    """Each service has dealt with each event that its topics brought it, once."""
    wrong, looked_at = [], 0
    for service, types in left.handled.items():
        rows = [row["event_id"] for row in left.table(service, "inbox")]
        wrong += twice(rows, f"{service}: event")
        done = set(rows)
        for topic in topics().values():
            if service not in topic.consumers:
                continue
            brought = {event.id for event in left.events.get(topic.name, ()) if event.type in types}
            looked_at += len(brought)
            wrong += [f"{service}: {one} of {topic.name} was not dealt with" for one in brought - done]
    return checked("each event dealt with once", looked_at, wrong)


def dead_letters(left: Left) -> Checked:
    """Nothing was given up: no fault of ours is a message's."""
    wrong = [
        f"{service}: {row['message_type']} of {row['topic']}: {row['error']}: {row['reason'] or 'no reason'}"
        for service, row in left.everywhere("dead_letter")
    ]
    for topic in topics():
        wrong += [
            f"{topic}: job {data['job_id']} failed: {data['reason']}"
            for data in left.once(topic, "JobFailed").values()
        ]
    return checked("no dead letters", len(_services(left)), wrong)


def executions(left: Left) -> Checked:
    """No attempt at a job is open; each job that has a result has it of one attempt."""
    rows = left.everywhere("execution")
    wrong = [
        f"{service}: {row['execution_id']} is running" for service, row in rows if row["state"] == "running"
    ]
    done = [(service, row["job_id"]) for service, row in rows if row["state"] == "done"]
    wrong += twice(done, "done attempts of job")
    results = [(service, row["job_id"]) for service, row in left.everywhere("job")]
    wrong += twice(results, "results of job")
    wrong += [f"job {job} has a result of no attempt" for job in sorted(set(results) - set(done))]
    return checked("no attempt open, each job done once", len(rows), wrong)


def offsets(left: Left) -> Checked:
    """Every group has committed all there is."""
    wrong = [f"{name}: {count} records" for name, count in left.waiting.items()]
    groups = sum(len(topic.consumers) for topic in topics().values())
    return checked("no lag", groups, wrong)


def scratch(left: Left) -> Checked:
    """No file is left in scratch folders."""
    return checked("scratch empty", len(_services(left)), left.scratch)


def _services(left: Left) -> set[str]:
    return {service for service, _ in left.rows}
