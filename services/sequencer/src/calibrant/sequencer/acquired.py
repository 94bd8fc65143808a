"""What it means that acquisitions have ended, for kinds and for people; must not know how they do."""

from calibrant.rules.rulesets import SetRule
from calibrant.sequencer.store.tables import AcquisitionRow


def frames_there(rule: SetRule, rows: list[AcquisitionRow]) -> bool:
    """Tell whether every acquisition that may bring frames of a rule's types has ended."""
    may = [row for row in rows if row.folder or row.image_type.lower() in rule.image_types]
    return all(row.state != "open" for row in may)


def closing(row: AcquisitionRow) -> str:
    """Say how an acquisition ended."""
    what = f"folder {row.folder}" if row.folder else f"{row.image_type} exposures"
    return f"{what} {'ended without frames' if row.state == 'failed' else 'complete'}" + (
        f" ({row.reason})" if row.reason else ""
    )
