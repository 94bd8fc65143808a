"""Tables of the pages, taken apart."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def rows(page, heading):
    """Return the cells of the first table below a heading, code marks removed."""
    text = (DOCS / page).read_text()
    _, found, below = text.partition(f"\n{heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    table = below[re.search(r"^\|", below, re.MULTILINE).start() :].split("\n\n")[0]
    lines = [line.replace("\\|", "¦") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def first_names(page, heading):
    return {name for row in rows(page, heading) for name in names(row[0])}
