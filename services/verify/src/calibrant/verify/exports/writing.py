"""The files of an export, and reading the set that it is of. Knows no table of a database."""

from collections.abc import Mapping
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, get_args

import yaml

from calibrant.bus.errors import PermanentError
from calibrant.contracts.common.v1 import DataRef
from calibrant.frames.plain_yaml import FastDumper
from calibrant.runtime.objects import ObjectStore
from calibrant.verify.exports.nested import nested
from calibrant.verify.exports.tables import table
from calibrant.verify.reports import MeasurementReport, SetReport

Format = Literal["yaml", "ecsv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)


class FormatUnavailable(PermanentError):
    """A format needs a package that is not installed; the text names it and how to get it."""


def read_set(objects: ObjectStore, ref: DataRef) -> tuple[SetReport, dict[int, MeasurementReport]]:
    """Read a report and the measurements it was decided by, by detector.

    Raises
    ------
    ObjectMissing, ObjectDamaged
        A file is not what was written.
    """
    report = SetReport.model_validate_json(objects.local_path(ref).read_bytes())
    return report, {
        detector: MeasurementReport.model_validate_json(objects.local_path(one).read_bytes())
        for detector, one in report.measurements.items()
    }


def export(report: SetReport, measured: Mapping[int, MeasurementReport], form: Format) -> bytes:
    """Return a set as a file of a format.

    Parameters
    ----------
    report, measured
        As `read_set` returns them.
    form : {'yaml', 'ecsv', 'parquet'}
        ``yaml``: nested statistics; the others: the flat table.

    Raises
    ------
    FormatUnavailable
        Parquet without pyarrow.
    """
    if form == "yaml":
        found = nested(report, measured)
        return yaml.dump(found, Dumper=FastDumper, sort_keys=False, allow_unicode=True).encode()
    if form == "ecsv":
        text = StringIO()
        table(report, measured).write(text, format="ascii.ecsv")
        return text.getvalue().encode()
    if find_spec("pyarrow") is None:
        raise FormatUnavailable(
            "parquet needs pyarrow: pip install 'calibrant-verify[parquet]', or ask for ecsv"
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        table(report, measured).write(path, format="parquet")
        return path.read_bytes()
