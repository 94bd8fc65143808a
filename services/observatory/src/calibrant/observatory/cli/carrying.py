"""``calibrant calibrations export|import``: a collection as a folder, out of one place and into another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from calibrant.observatory.cli.console import console, show_json, told
from calibrant.observatory.cli.options import AsJson, Place, placed
from calibrant.observatory.cli.register import In
from calibrant.observatory.cli.stores import objects, prepared
from calibrant.observatory.cli.wishing import Why, certify_database, worker


@placed
def export(
    folder: Annotated[Path, typer.Argument(help="Where to; a folder that is not there yet.")],
    place: Place,
    *,
    collection: In,
    as_json: AsJson = False,
) -> None:
    """Write what is in force in a collection into a folder: files, checksums, validity ranges."""
    from calibrant.certify.carrying.exporting import export as write  # noqa: PLC0415
    from calibrant.runtime.clock import SystemClock  # noqa: PLC0415

    with told(), certify_database(place) as database, database.reading() as session:
        done = write(
            session,
            objects(place),
            collection,
            folder.absolute(),
            SystemClock().tai_ns(),
            instruments=place.settings().instruments_dir,
        )
    words = f"{done['certifications']} certifications, {done['files']} files of {collection} are in {folder}"
    _show(done, words, as_json=as_json)


@placed
def bring(
    folder: Annotated[Path, typer.Argument(help="What `export` made.")],
    place: Place,
    *,
    why: Why,
    collection: Annotated[
        str, typer.Option(help="Certify into this one. Default: that of the same name.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Certify what a folder holds: every checksum is verified first, then all is done or nothing."""
    from calibrant.certify.carrying.importing import bring as take  # noqa: PLC0415
    from calibrant.runtime.access.callers import of_this_machine  # noqa: PLC0415

    wish = {"reason": why, "collection": collection}
    with told():
        store = objects(place)
        store.check()
        with prepared(place, "certify") as database:
            done = take(database, worker(database), store, folder.absolute(), of_this_machine(), **wish)
    _show(done, f"{done['id']}: {done['told']}", as_json=as_json)


def _show(done: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        show_json(done)
    else:
        console().print(words, markup=False, soft_wrap=True)
