"""A collection as a Butler of the Rubin Observatory imports it: ``export.yaml``, format 1.0.2 of ``daf_butler``.

Owns that form. Nothing of Rubin's is imported: times and identifiers are written under the tags that it reads.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from calibrant.certify.carrying.manifest import Line
from calibrant.frames.plain_yaml import FastDumper
from calibrant.frames.times import format_time
from calibrant.rules.ledger import FILTER_KINDS
from calibrant.rules.validity import ValidityRange
from calibrant.runtime.ids import derive

_UNIVERSE: Final = 7  # of dimensions; that of daf_butler 30
_STORAGE: Final = "ExposureF"


class Dumper(FastDumper):
    """Writes what a Butler reads."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write everything where it stands: nobody needs to follow anchors."""
        return True


@dataclass(frozen=True, slots=True)
class _Instant:
    tai_ns: int


Dumper.add_representer(uuid.UUID, lambda dumper, value: dumper.represent_scalar("!uuid", str(value)))
Dumper.add_representer(
    _Instant,
    lambda dumper, value: dumper.represent_scalar(
        "!butler_time/tai/iso", format_time(value.tai_ns, "tai", 9).replace("T", " ")
    ),
)
Dumper.add_representer(
    ValidityRange,
    lambda dumper, value: dumper.represent_mapping(
        "!lsst.daf.butler.Timespan", {"begin": _bound(value.begin_tai_ns), "end": _bound(value.end_tai_ns)}
    ),
)


Detector = tuple[str, int]
"""An instrument's name, and the number of a detector of it."""


def export_of(collection: str, lines: Sequence[Line], names: Mapping[Detector, str]) -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    collection : str
        Name of the collection with validity ranges. Its files are in the runs ``COLLECTION/files/1, 2, ...``, as a run
        holds one of a kind and detector.
    lines : sequence of Line
        What is in force.
    names : mapping of (instrument, number) to str
        What the instrument calls its detectors; one that is missing is "detector" and its number.
    """
    products = {line.product.product_id: line for line in lines}.values()
    runs = _runs(collection, products)
    return {
        "description": "Butler Data Repository Export",
        "version": "1.0.2",
        "universe_version": _UNIVERSE,
        "universe_namespace": "daf_butler",
        "data": [
            *_dimensions(products, names),
            *(_run(name) for name in dict.fromkeys(runs.values())),
            {"type": "collection", "collection_type": "CALIBRATION", "name": collection},
            *_datasets(runs, products),
            _associations(collection, runs, lines),
        ],
    }


def _runs(collection: str, lines: Iterable[Line]) -> dict[str, str]:
    """Give each product the first run that has none like it."""
    seen: Counter[tuple[str, ...]] = Counter()
    runs = {}
    for line in lines:
        same = (line.product.kind, *map(str, _data_id(line).values()))
        seen[same] += 1
        runs[line.product.product_id] = f"{collection}/files/{seen[same]}"
    return runs


def _run(name: str) -> dict[str, Any]:
    return {
        "type": "collection",
        "collection_type": "RUN",
        "name": name,
        "host": None,
        "timespan_begin": None,
        "timespan_end": None,
    }


def _dimensions(lines: Iterable[Line], names: Mapping[Detector, str]) -> list[dict[str, Any]]:
    instruments, detectors, filters = set(), set(), set()
    for product in (line.product for line in lines):
        instruments.add(product.instrument)
        detectors.add((product.instrument, product.detector))
        if product.kind in FILTER_KINDS:
            filters.add((product.instrument, product.filter or "none"))
    most = 2**31 - 1
    records: dict[str, list[dict[str, Any]]] = {
        "instrument": [
            {
                "name": name,
                "visit_max": most,
                "visit_system": None,
                "exposure_max": most,
                "detector_max": 1 + max(number for of, number in detectors if of == name),
                "class_name": "calibrant.frames.instrument.Instrument",
            }
            for name in sorted(instruments)
        ],
        "detector": [
            {"instrument": of, "id": number, "full_name": names.get((of, number), f"detector {number}")}
            for of, number in sorted(detectors)
        ],
        "physical_filter": [{"instrument": of, "name": name, "band": name} for of, name in sorted(filters)],
    }
    return [{"type": "dimension", "element": name, "records": rows} for name, rows in records.items() if rows]


def _datasets(runs: Mapping[str, str], lines: Iterable[Line]) -> list[dict[str, Any]]:
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        run = runs[line.product.product_id]
        record = {"dataset_id": [_dataset_id(run, line)], "data_id": [_data_id(line)], "path": line.file}
        parts.setdefault((line.product.kind, run), []).append(record)
    return [
        *(_dataset_type(kind) for kind in sorted({kind for kind, _ in parts})),
        *(
            {"type": "dataset", "dataset_type": _named(kind), "run": run, "records": records}
            for (kind, run), records in parts.items()
        ),
    ]


def _dataset_type(kind: str) -> dict[str, Any]:
    band = ["physical_filter"] if kind in FILTER_KINDS else []
    return {
        "type": "dataset_type",
        "name": _named(kind),
        "dimensions": ["instrument", "detector", *band],
        "storage_class": _STORAGE,
        "is_calibration": True,
    }


def _named(kind: str) -> str:
    """Return a kind as a dataset type, which has no hyphen: ``dark-current`` as ``darkCurrent``."""
    first, *others = kind.split("-")
    return first + "".join(word.capitalize() for word in others)


def _associations(collection: str, runs: Mapping[str, str], lines: Iterable[Line]) -> dict[str, Any]:
    of_span: dict[ValidityRange, list[uuid.UUID]] = {}
    for line in lines:
        of_span.setdefault(line.range, []).append(_dataset_id(runs[line.product.product_id], line))
    return {
        "type": "associations",
        "collection": collection,
        "collection_type": "CALIBRATION",
        "validity_ranges": [{"timespan": span, "dataset_ids": names} for span, names in of_span.items()],
    }


def _data_id(line: Line) -> dict[str, Any]:
    product = line.product
    named = {"instrument": product.instrument, "detector": product.detector}
    return named | ({"physical_filter": product.filter or "none"} if product.kind in FILTER_KINDS else {})


def _dataset_id(run: str, line: Line) -> uuid.UUID:
    return uuid.UUID(derive("butler", run, line.product.product_id))


def _bound(tai_ns: int | None) -> _Instant | None:
    return None if tai_ns is None else _Instant(tai_ns)
