"""A collection goes out as a folder and comes in elsewhere: all of it with its checksums, or nothing."""

import hashlib
import json
import shutil

import pytest
import yaml
from sqlmodel import select

from calibrant.certify.carrying.exporting import export
from calibrant.certify.carrying.importing import bring
from calibrant.certify.carrying.manifest import NAME
from calibrant.certify.changes import Change, NothingToDo, Refused
from calibrant.certify.ledger import EntryRow
from calibrant.certify.store import CertifyQueries
from calibrant.runtime.access.callers import Caller
from calibrant.runtime.objects import FolderStore, ObjectDamaged
from calibrant.runtime.testing.databases import DatabaseSite
from calibrant.runtime.unit_of_work import unit_of_work

DAILY = "simcam/calib/daily"
ANA = Caller("ana", ("certifier",))
T0 = 1_767_225_637_000_000_000  # 2026-01-01T00:00:00 UTC


class Loader(yaml.SafeLoader):
    """Reads the tags that a Butler knows as plain values."""


for tag in ("!uuid", "!butler_time/tai/iso"):
    Loader.add_constructor(tag, Loader.construct_yaml_str)
Loader.add_constructor("!lsst.daf.butler.Timespan", lambda loader, node: loader.construct_mapping(node))


@pytest.fixture
def database_site(tmp_path):
    """What is tested here lies in files; the ledger's own tests know both databases."""
    return DatabaseSite(f"sqlite:///{tmp_path}/here.sqlite")


@pytest.fixture
def here(ledger, make, asked, tmp_path):
    """A place with three certifications of two products."""
    store = FolderStore(tmp_path / "here")

    def built(name, **facts):
        file = tmp_path / "made"
        file.write_bytes(name.encode() * 100)
        ref = store.put_if_absent(f"products/{name}.fits", file, "image/fits")
        return make(name, ref=ref, **facts)

    bias, flat = built("bias-1"), built("flat-1", kind="flat", filter="r", detector=4)
    ledger.ask(asked(bias, begin=T0, end=T0 + 100))
    ledger.ask(asked(bias, begin=T0 + 500, end=None, job_id="j2"))
    ledger.ask(asked(flat, begin=None, end=T0, job_id="j3"))
    ledger.store = store
    return ledger


@pytest.fixture
def folder(here, tmp_path):
    with here.database.reading() as session:
        done = export(session, here.store, DAILY, tmp_path / "out", T0)
    assert (done["certifications"], done["files"]) == (3, 2)
    return tmp_path / "out"


@pytest.fixture
def there(tmp_path):
    """Another place, empty."""
    from pathlib import Path  # noqa: PLC0415

    import calibrant.certify  # noqa: PLC0415

    migrations = Path(calibrant.certify.__file__).parent / "migrations"
    with DatabaseSite(f"sqlite:///{tmp_path}/there.sqlite").opened(migrations) as database:
        yield There(database, FolderStore(tmp_path / "there"))


class There:
    def __init__(self, database, store):
        self.database, self.store = database, store

    def bring(self, clock, folder, **wish):
        def work(cause, _run):
            return unit_of_work(self.database, "certify", clock, cause=cause)

        return bring(self.database, work, self.store, folder, ANA, reason="moved house", **wish)

    def files(self):
        return list(self.store.keys("imported")) if (self.store.root / "imported").exists() else []

    def lines(self):
        with self.database.reading() as session:
            return list(session.exec(select(EntryRow)).all())


def ranges(database, collection=DAILY):
    with database.reading() as session:
        rows = CertifyQueries(session).calibrations(collection=collection)
    return sorted((row["product"], row["begin"] or "", row["end"] or "") for row in rows)


def test_what_comes_in_elsewhere_is_what_went_out(here, there, folder):
    done = there.bring(here.clock, folder)
    assert (done["certifications"], done["files"]) == (3, 2)
    assert ranges(there.database) == ranges(here.database)
    for line in there.lines():
        path = there.store.local_path(line.made_of.ref)
        assert path.read_bytes() == line.product_id.encode() * 100
        assert "moved house; imported from simcam/calib/daily, where ana certified it" in line.reason
        assert (line.report_id, line.requested_by) == ("r1", "ana")
    with pytest.raises(NothingToDo):
        there.bring(here.clock, folder)
    assert len(there.files()) == 2
    there.bring(here.clock, folder, collection="other/one")
    assert ranges(there.database, "other/one") == ranges(here.database)


def test_the_checksums_are_those_of_the_files(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


SPOILT = ["a byte", "a file", "a path", "a link", "a range", "a field", "the list"]
SPOILT += ["one file for two", "product_id", "kind", "instrument"]


def spoil(folder, how):
    path = folder / NAME
    said = json.loads(path.read_text())
    first = said["certifications"][0]
    file = folder / said["certifications"][-1]["file"]
    match how:
        case "a byte":
            file.write_bytes(b"x" + file.read_bytes()[1:])
        case "a file":
            file.unlink()
        case "a path":
            shutil.copy(folder / first["file"], folder.parent / "bias.fits")
            first["file"] = "files/../../bias.fits"
        case "a link":
            shutil.move(file, folder.parent / "elsewhere.fits")
            file.symlink_to(folder.parent / "elsewhere.fits")
        case "a range":
            first["begin_tai_ns"], first["end_tai_ns"] = T0, T0 - 1
        case "a field":
            del first["product"]["kind"]
        case "one file for two":
            file.unlink()
            said["certifications"][-1]["file"] = first["file"]
            shutil.copy(folder.parent / "made", folder / first["file"])
        case "product_id" | "kind" | "instrument":
            first["product"][how] = "../../bias"
    path.write_text(json.dumps(said))
    if how == "the list":
        path.write_text("{")


@pytest.mark.parametrize("how", SPOILT)
def test_of_a_folder_that_is_spoilt_nothing_is_taken(here, there, folder, how):
    spoil(folder, how)
    with pytest.raises(Refused):
        there.bring(here.clock, folder)
    assert there.lines() == []
    assert there.files() == []


def test_where_one_of_them_clashes_none_is_taken(here, there, folder, make, asked):
    other = type(here)(there.database)
    other.ask(asked(make("flat-9", kind="flat", filter="r", detector=4), begin=0, end=10))
    with pytest.raises(Refused, match="flat-9 is certified"):
        there.bring(here.clock, folder)
    assert len(there.lines()) == 1
    assert there.files() == []


def test_a_refused_import_takes_no_file_from_one_that_comes_in_meanwhile(  # noqa: PLR0917 - fixtures
    here, there, folder, make, asked, monkeypatch
):
    type(here)(there.database).ask(
        asked(make("flat-9", kind="flat", filter="r", detector=4), begin=0, end=10)
    )
    delete = FolderStore.delete

    def meanwhile(store, key):
        monkeypatch.setattr(FolderStore, "delete", delete)
        there.bring(here.clock, folder, collection="other/one")
        delete(store, key)

    monkeypatch.setattr(FolderStore, "delete", meanwhile)
    with pytest.raises(Refused, match="flat-9 is certified"):
        there.bring(here.clock, folder)
    came = [line.made_of.ref for line in there.lines() if line.collection == "other/one"]
    assert len(came) == 3
    assert all(there.store.local_path(ref).is_file() for ref in came)
    assert len(there.files()) == 2


def test_an_import_that_fails_half_way_leaves_no_file(here, there, folder, monkeypatch):
    monkeypatch.setattr(Change, "end", None)
    with pytest.raises(TypeError):
        there.bring(here.clock, folder)
    assert there.lines() == []
    assert there.files() == []


def test_a_known_product_is_not_taken_with_other_bytes(here, there, folder, make, told):
    with there.database.writing() as session:
        here.hear(session, told(make("bias-1")))
    with pytest.raises(Refused, match="bias-1 is known with other bytes"):
        there.bring(here.clock, folder)
    assert there.lines() == []
    assert there.files() == []


def test_a_butler_is_told_of_files_ranges_and_dimensions(folder):
    said = yaml.load((folder / "export.yaml").read_text(), Loader)
    assert said["version"] == "1.0.2"
    parts = {}
    for one in said["data"]:
        parts.setdefault(one["type"], []).append(one)
    bias, flat = (one["records"] for one in parts["dataset"])
    assert bias[0]["data_id"] == [{"instrument": "simcam", "detector": 3}]
    assert flat[0]["data_id"] == [{"instrument": "simcam", "detector": 4, "physical_filter": "r"}]
    assert all((folder / one["path"]).is_file() for one in (*bias, *flat))
    [associations] = parts["associations"]
    spans = [(one["timespan"]["begin"], one["timespan"]["end"]) for one in associations["validity_ranges"]]
    assert ("2026-01-01 00:00:37.000000500", None) in spans
    ids = {one for ranges in associations["validity_ranges"] for one in ranges["dataset_ids"]}
    assert ids == {bias[0]["dataset_id"][0], flat[0]["dataset_id"][0]}
    assert [one["element"] for one in parts["dimension"]] == ["instrument", "detector", "physical_filter"]


def test_a_butlers_run_holds_one_of_a_kind_and_detector(here, make, asked, tmp_path):
    for number in (2, 3):
        ref = here.store.put_if_absent(f"products/bias-{number}.fits", tmp_path / "made", "image/fits")
        span = {"begin": T0 + 100 * number, "end": T0 + 100 * number + 50}
        here.ask(asked(make(f"bias-{number}", ref=ref), job_id=f"b{number}", **span))
    with here.database.reading() as session:
        export(session, here.store, DAILY, tmp_path / "out", T0)
    said = yaml.load((tmp_path / "out" / "export.yaml").read_text(), Loader)["data"]
    runs = [one["name"] for one in said if one.get("collection_type") == "RUN"]
    assert runs == [f"{DAILY}/files/{number}" for number in (1, 2, 3)]
    held = [
        (one["run"], one["dataset_type"], str(record["data_id"]))
        for one in said
        if one["type"] == "dataset"
        for record in one["records"]
    ]
    assert len(held) == len(set(held)) == 4
    assert {run for run, *_ in held} == set(runs)


def test_a_butler_gets_the_names_of_detectors_that_the_instrument_has(here, make, asked, tmp_path):
    ref = here.store.put_if_absent("products/bias-8.fits", tmp_path / "made", "image/fits")
    here.ask(asked(make("bias-8", ref=ref, detector=1), job_id="b8"))
    with here.database.reading() as session:
        export(session, here.store, DAILY, tmp_path / "out", T0)
    said = yaml.load((tmp_path / "out" / "export.yaml").read_text(), Loader)["data"]
    [detectors] = [one["records"] for one in said if one.get("element") == "detector"]
    assert [one["full_name"] for one in detectors] == ["S01", "detector 3", "detector 4"]


def test_a_butlers_names_have_no_hyphen(here, make, asked, tmp_path):
    ref = here.store.put_if_absent("products/dark-current-1.fits", tmp_path / "made", "application/fits")
    here.ask(asked(make("dark-current-1", ref=ref, kind="dark-current"), job_id="dark-current-1"))
    with here.database.reading() as session:
        export(session, here.store, DAILY, tmp_path / "out", T0)
    said = yaml.load((tmp_path / "out" / "export.yaml").read_text(), Loader)["data"]
    named = {one["name"] for one in said if one["type"] == "dataset_type"}
    assert (
        named
        == {one["dataset_type"] for one in said if one["type"] == "dataset"}
        == {"bias", "flat", "darkCurrent"}
    )


def test_no_product_is_written_outside_the_folder(here, make, asked, tmp_path):
    ref = here.store.put_if_absent("products/up.fits", tmp_path / "made", "image/fits")
    here.ask(asked(make("../../../up", ref=ref), collection="simcam/up"))
    with here.database.reading() as session, pytest.raises(Refused, match="has a name that no file can have"):
        export(session, here.store, "simcam/up", tmp_path / "a" / "out", T0)
    assert not (tmp_path / "a").exists()


def test_an_export_is_whole_or_not_there(here, folder, tmp_path):
    with here.database.reading() as session:
        with pytest.raises(Refused, match="is there already"):
            export(session, here.store, DAILY, folder, T0)
        with pytest.raises(Refused, match="nothing is in force in other"):
            export(session, here.store, "other", tmp_path / "none", T0)
        (here.store.root / "products" / "flat-1.fits").write_bytes(b"spoilt")
        with pytest.raises(ObjectDamaged):
            export(session, here.store, DAILY, tmp_path / "again", T0)
    assert not [path for path in tmp_path.iterdir() if "again" in path.name or "none" in path.name]
