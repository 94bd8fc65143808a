"""Rows from files that lie, are damaged, or change while they are read: refused with file, HDU and row; no crash."""

import gzip
import os
import zlib

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from calibrant.frames.instrument import load_instrument
from calibrant.frames.reading import FrameRejected, RejectionReason, open_frames
from calibrant.frames.reading.tiles import unzipped_together
from calibrant.frames.testing import CORPUS, good_bytes, good_cards


def read_all(path, instrument, scratch):
    with open_frames(path, instrument, scratch) as frames:
        for frame in frames:
            read_whole(frame.rows)


def read_whole(source):
    into = np.empty(source.shape, source.dtype)
    source.read_rows(0, source.shape[0], into)
    return into


def packed(path, tiny, packing, **options):
    array = np.random.default_rng(9).integers(0, 4000, tiny.detector(0).raw_shape, np.uint16)
    unit = fits.CompImageHDU(array, fits.Header(good_cards(tiny)), compression_type=packing, **options)
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path)
    return array


def tile(path, row):
    """Return where a tile lies in a compressed file, how many bytes it has, and where the table says so."""
    with fits.open(path, disable_image_compression=True) as file:
        data = file[1].fileinfo()["datLoc"]
        width, rows = file[1].header["NAXIS1"], file[1].header["NAXIS2"]
    entry = data + row * width
    count, first = np.frombuffer(path.read_bytes(), ">u4", 2, entry)
    return data + width * rows + int(first), int(count), entry


def overwrite(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def refusal(path, tiny, scratch):
    with pytest.raises(FrameRejected) as caught:
        read_all(path, tiny, scratch)
    assert str(caught.value).startswith(f"{path.name}: ")
    return caught.value


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_hostile_files_are_refused_as_when_they_are_read_whole(tmp_path, tiny, hostile):
    path, scratch = tmp_path / hostile.name, tmp_path / "scratch"
    path.write_bytes(hostile.make(tiny))
    scratch.mkdir()
    found = refusal(path, tiny, scratch)
    assert found.reason is hostile.reason
    assert hostile.says in str(found)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("packing", ["plain", "RICE_1", "GZIP_2"])
def test_a_file_that_is_cut_while_it_is_read(tmp_path, tiny, packing):
    path = tmp_path / "a.fits"
    if packing == "plain":
        path.write_bytes(good_bytes(tiny))
        cut = path.stat().st_size // 2880 * 2880 - 3 * 2880
    else:
        packed(path, tiny, packing)
        cut = tile(path, 100)[0]
    with open_frames(path, tiny, tmp_path) as (frame,):
        source = frame.rows
        os.truncate(path, cut)
        into = np.empty((64, source.shape[1]), source.dtype)
        with pytest.raises(
            FrameRejected, match=r"^a.fits: HDU \d, row \d+: .*cut while it was read"
        ) as caught:
            source.read_rows(80, 144, into)
    assert caught.value.reason is RejectionReason.CHANGED


def test_the_row_at_which_a_cut_file_ends_is_named(tmp_path, tiny):
    path = tmp_path / "a.fits"
    path.write_bytes(good_bytes(tiny))
    row_bytes = tiny.detector(0).raw_shape[1] * 2
    with open_frames(path, tiny, tmp_path) as (frame,):
        os.truncate(path, 2880 + 99 * row_bytes + 5)
        with pytest.raises(FrameRejected, match="HDU 0, row 99: the file ends at byte"):
            read_whole(frame.rows)


@pytest.mark.parametrize("packing", ["plain", "RICE_1"])
def test_a_file_that_is_written_to_while_it_is_read(tmp_path, tiny, packing):
    path = tmp_path / "a.fits"
    if packing == "plain":
        path.write_bytes(good_bytes(tiny))
    else:
        packed(path, tiny, packing)
    with open_frames(path, tiny, tmp_path) as (frame,):
        read_whole(frame.rows)
        with path.open("ab") as file:
            file.write(bytes(2880))
        with pytest.raises(FrameRejected, match="written to while it was read") as caught:
            read_whole(frame.rows)
    assert caught.value.reason is RejectionReason.CHANGED


def test_a_file_that_is_replaced_or_removed_is_read_as_it_was(tmp_path, tiny):
    path = tmp_path / "a.fits"
    path.write_bytes(good_bytes(tiny))
    with open_frames(path, tiny, tmp_path) as (frame,):
        path.unlink()
        assert (read_whole(frame.rows) == 1000 - 32768).all()


@pytest.mark.parametrize("packing", ["RICE_1", "GZIP_1", "GZIP_2"])
def test_a_tile_whose_data_are_cut_short_is_named(tmp_path, tiny, packing):
    path = tmp_path / "a.fits"
    packed(path, tiny, packing)
    _, count, entry = tile(path, 70)
    overwrite(path, entry, (count // 2).to_bytes(4))
    found = refusal(path, tiny, tmp_path)
    assert found.reason is RejectionReason.CORRUPT
    assert "row 70 of the compressed image in HDU 1 does not unpack" in str(found)


@pytest.mark.parametrize("fill", [b"\x00", b"\xff"])
@pytest.mark.parametrize("packing", ["RICE_1", "GZIP_1"])
def test_a_last_tile_of_nothing_but_one_byte_does_not_lead_beyond_it(tmp_path, tiny, packing, fill):
    path = tmp_path / "a.fits"
    packed(path, tiny, packing)
    start, count, _ = tile(path, 143)
    overwrite(path, start + 2, fill * (count - 2))
    try:
        read_all(path, tiny, tmp_path)
    except FrameRejected as found:
        assert "row 143" in str(found)  # noqa: PT017  (a tile of zeros may also be a row that is level)


def test_a_tile_that_is_a_bomb_is_not_unpacked(tmp_path, tiny):
    path = tmp_path / "a.fits"
    packed(path, tiny, "GZIP_1")
    start, count, _ = tile(path, 5)
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(bytes(200_000)) + packer.flush()
    assert len(bomb) <= count
    overwrite(path, start, bomb)
    assert "row 5 " in str(refusal(path, tiny, tmp_path))


def test_a_gzip_bomb_leaves_the_scratch_folder_as_it_was(tmp_path, tiny):
    path, scratch = tmp_path / "bomb.fits.gz", tmp_path / "scratch"
    scratch.mkdir()
    path.write_bytes(gzip.compress(bytes(200 << 20), 1, mtime=0))
    assert refusal(path, tiny, scratch).reason is RejectionReason.TOO_LARGE
    assert list(scratch.iterdir()) == []


def test_a_scratch_folder_that_is_missing_is_no_fault_of_the_file(tmp_path, tiny):
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(good_bytes(tiny), mtime=0))
    with pytest.raises(FileNotFoundError, match="gone"):
        read_all(path, tiny, tmp_path / "gone")


def test_pixels_without_a_value_are_refused_with_their_row(tmp_path, tiny):
    shape = tiny.detector(0).raw_shape
    values = np.full(shape, 10, np.float32)
    values[77, 3] = np.nan
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(values, fits.Header(good_cards(tiny))).writeto(path)
    with open_frames(path, tiny, tmp_path) as (frame,):
        into = np.empty((44, shape[1]), ">f4")
        frame.rows.read_rows(0, 44, into)
        with pytest.raises(FrameRejected, match=r"rows 60 to 103 of HDU 0 are NaN.*first in row 77"):
            frame.rows.read_rows(60, 104, into)
    unit = fits.PrimaryHDU(
        np.where(np.isnan(values), 999, values).astype(np.int16), fits.Header(good_cards(tiny))
    )
    unit.header["BLANK"] = 999
    unit.writeto(path, overwrite=True)
    with (
        open_frames(path, tiny, tmp_path) as (frame,),
        pytest.raises(FrameRejected, match=r"BLANK \(999\).*77"),
    ):
        read_whole(frame.rows)


@pytest.mark.parametrize(
    ("card", "value", "reason"),
    [
        ("ZBITPIX", 17, RejectionReason.BAD_CARD),
        ("ZBITPIX", "x", RejectionReason.BAD_CARD),
        ("ZTILE1", 0, RejectionReason.MALFORMED_HEADER),
        ("ZTILE1", 1 << 30, RejectionReason.MALFORMED_HEADER),
        ("ZCMPTYPE", "HCOMPRESS_1", RejectionReason.UNKNOWN_COMPRESSION),
        ("ZVAL1", 0, RejectionReason.CORRUPT),
        ("ZVAL1", "x", RejectionReason.CORRUPT),
        ("ZVAL2", 3, RejectionReason.CORRUPT),
        ("THEAP", 1 << 39, RejectionReason.CORRUPT),
        ("NAXIS1", 4, RejectionReason.MALFORMED_HEADER),
    ],
)
def test_cards_of_the_compression_that_lie(tmp_path, tiny, card, value, reason):
    path = tmp_path / "a.fits"
    packed(path, tiny, "RICE_1")
    with fits.open(path, mode="update", disable_image_compression=True) as file:
        file[1].header[card] = value
    assert refusal(path, tiny, tmp_path).reason is reason


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_compressed_file_escapes_as_another_error(tmp_path_factory, data):
    tiny, folder = load_instrument("simcam-tiny"), tmp_path_factory.mktemp("damaged")
    path = folder / "a.fits"
    packed(path, tiny, data.draw(st.sampled_from(["RICE_1", "GZIP_1", "GZIP_2"])))
    start, size = tile(path, 0)[2], path.stat().st_size
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(start - 2880, size - 1))
        overwrite(path, place, data.draw(st.binary(min_size=1, max_size=8)))
    try:
        read_all(path, tiny, folder)
    except FrameRejected as found:
        assert str(found).startswith("a.fits: ")  # noqa: PT017  (damage may go unnoticed: Rice has no checksum)


ROW = bytes(range(200))


@pytest.mark.parametrize(
    ("tiles", "together"),
    [
        ([gzip.compress(ROW), gzip.compress(ROW[::-1])], True),
        ([gzip.compress(ROW + b"1"), gzip.compress(ROW[1:])], False),  # as long in all
        ([gzip.compress(ROW), gzip.compress(ROW)[:-9] + b"x" + gzip.compress(ROW)[-8:]], False),
        ([gzip.compress(ROW), b""], False),
        ([gzip.compress(ROW) + b"junk", gzip.compress(ROW)], False),
    ],
)
def test_tiles_are_unpacked_together_only_where_each_is_a_row(tiles, together):
    places = [(sum(map(len, tiles[:row])), len(tile)) for row, tile in enumerate(tiles)]
    into = bytearray(2 * len(ROW))
    assert unzipped_together(memoryview(b"".join(tiles)), places, memoryview(into)) is together
    assert not together or into == ROW + ROW[::-1]
