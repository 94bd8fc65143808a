"""Listing a folder: which files, in which order, and why there is nothing to take in."""

import os

import pytest

from calibrant.ingest.listing import list_folder


def names(listing) -> list[str]:
    return [file.name for file in listing.files]


def test_lists_frames_below_a_folder_in_order_and_counts_the_rest(folder) -> None:
    listing = list_folder(str(folder))
    assert names(listing) == ["a.FIT", "b.fits", "sub/copy.fts.gz"]
    assert listing.passed_over == 1
    assert not listing.problem


@pytest.mark.parametrize("name", ["x.fits", "x.FITS", "x.fit", "x.fts", "x.fits.gz", "x.Fit.GZ", "x.fits.fz"])
def test_these_names_are_frames_names(tmp_path, name) -> None:
    (tmp_path / name).touch()
    assert names(list_folder(str(tmp_path))) == [name]


@pytest.mark.parametrize(
    "name", ["fits", "x.fits.txt", "x.fitsy", "x.fits.bz2", "x.gz", "xfits", "x_R00_SG0_guider.fits"]
)
def test_these_are_not(tmp_path, name) -> None:
    (tmp_path / name).touch()
    listing = list_folder(str(tmp_path))
    assert not listing.files
    assert listing.passed_over == 1
    assert "no frames" in listing.problem
    assert "*.fits" in listing.problem


def test_hidden_files_and_folders_are_not_even_counted(tmp_path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.fits").touch()
    (tmp_path / ".x.fits").touch()
    listing = list_folder(str(tmp_path))
    assert (names(listing), listing.passed_over) == ([], 0)
    assert "is empty" in listing.problem


def test_a_missing_folder_a_file_and_a_relative_path_are_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "x.fits").touch()
    monkeypatch.chdir(tmp_path)
    assert "there is no folder" in list_folder(str(tmp_path / "gone")).problem
    assert "is a file, not a folder" in list_folder(str(tmp_path / "x.fits")).problem
    assert "full path" in list_folder(".").problem


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path, folder) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.fits").touch()
    (folder / "link.fits").symlink_to(outside / "secret.fits")
    (folder / "linked-folder").symlink_to(outside)
    (folder / "dangling.fits").symlink_to(folder / "gone.fits")
    (folder / "loop.fits").symlink_to(folder / "loop.fits")
    listing = list_folder(str(folder))
    assert names(listing) == ["a.FIT", "b.fits", "sub/copy.fts.gz"]
    assert listing.passed_over == 5


def test_a_link_within_the_folder_gives_the_file_that_it_leads_to(folder) -> None:
    (folder / "z.fits").symlink_to(folder / "b.fits")
    assert list_folder(str(folder)).files[-1].path == folder / "b.fits"


def test_a_folder_that_is_itself_a_link_is_listed(tmp_path, folder) -> None:
    (tmp_path / "tonight").symlink_to(folder)
    assert names(list_folder(str(tmp_path / "tonight"))) == ["a.FIT", "b.fits", "sub/copy.fts.gz"]


def test_a_pipe_and_a_name_that_is_no_text_are_passed_over(folder) -> None:
    os.mkfifo(folder / "pipe.fits")
    (folder / os.fsdecode(b"caf\xe9.fits")).touch()
    listing = list_folder(str(folder))
    assert len(listing.files) == 3
    assert listing.passed_over == 3


def test_a_folder_below_that_cannot_be_listed_is_handed_on_to_be_refused(folder, monkeypatch) -> None:
    scandir = os.scandir

    def refusing(path):
        if os.fspath(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert names(list_folder(str(folder))) == ["a.FIT", "b.fits", "sub"]
