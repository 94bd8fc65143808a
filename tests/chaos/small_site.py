"""A small site where all is well, and how it is spoilt."""

import copy
import json

from calibrant.observatory.testing.records import Event

RAW = {"uri": "objects:raw/20260101/SC_1_0.fits", "sha256": "aa", "size_bytes": 7}
PRODUCT = {"uri": "objects:products/bb.fits", "sha256": "bb", "size_bytes": 8}
COPY = {"uri": "objects:archive/cc.fits", "sha256": "bb", "size_bytes": 8}
SUBJECT = {
    "collection": "x/calib/daily",
    "instrument": "x",
    "kind": "bias",
    "detector": 0,
    "filter": None,
    "begin_tai_ns": 100,
    "end_tai_ns": 200,
}


def event(topic, name, message, **data):
    return Event(topic, name, f"calibrant.any.v1.{message}", "run-1", data)


def node(name, kind, **facts):
    said = {"node_id": name, "product": None, **facts}
    return {"node_id": name, "run_id": "run-1", "type": kind, "job_id": f"job-{name}", "state": "done"} | {
        "node_json": json.dumps(said)
    }


def entry(number, product, begin, end):
    line = SUBJECT | {"begin_tai_ns": begin, "end_tai_ns": end, "product_id": product, "sequence": number}
    more = {"certification_id": f"cert-{product}", "action": "certify", "recorded_tai_ns": 1000 + number}
    return line | more | {"run_id": "run-1", "product": json.dumps({"ref": PRODUCT})}


def spoilt(check, left, text):
    """Make sure that a check finds what is wrong, and names it."""
    wrong = check(left).wrong
    assert any(text in line for line in wrong), wrong


def also(left, service, table, row=0, **changes):
    """Add a copy of a row, with changes."""
    rows = left.rows[service, table]
    rows.append(copy.deepcopy(rows[row]) | changes)
