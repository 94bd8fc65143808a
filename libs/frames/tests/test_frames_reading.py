"""Reading: good frames as written, hostile files refused with their reason, one identity for all copies."""

import gzip
import pickle

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from isal import igzip

from calibrant.frames.instrument import load_instrument
from calibrant.frames.reading import FrameRejected, RejectionReason, read_frames
from calibrant.frames.testing import CORPUS, good_bytes, good_cards, write_corpus
from calibrant.frames.times import parse_time
from calibrant.frames.writing import raw_bytes
from calibrant.rules.classification import ImageType


@pytest.fixture
def pixels(tiny):
    return np.random.default_rng(3).integers(0, 65536, tiny.detector(0).raw_shape, np.uint16)


def one(path, instrument):
    (frame,) = read_frames(path, instrument)
    return frame


def test_a_good_frame_comes_back_as_it_was_written(tmp_path, tiny, pixels):
    path = tmp_path / "a.fits"
    path.write_bytes(
        raw_bytes(pixels, good_cards(tiny, IMGTYPE="FLAT", EXPTIME=2.5, DARKTIME=3.0, FILTER="r"))
    )
    frame = one(path, tiny)
    assert frame.array.dtype == np.uint16
    np.testing.assert_array_equal(frame.array, pixels)
    facts = frame.facts
    assert (facts.image_type, facts.exptime_s, facts.dark_time_s, facts.filter) == (
        ImageType.FLAT,
        2.5,
        3.0,
        "r",
    )
    assert facts.because == "IMGTYPE = 'FLAT' (rule 3)"
    assert facts.begin_tai_ns == parse_time("2026-01-01T20:00:00 TAI")
    assert (facts.exposure_id, facts.night, frame.detector) == ("SC_20260101_000001", "20260101", 0)
    assert frame.header["IMGTYPE"] == "FLAT"
    assert "BITPIX" not in frame.header


def copies(tmp_path, content):
    """Write the same frame plain, under another name, gzipped, gzipped under a plain name, and Rice-compressed."""
    paths = [tmp_path / name for name in ("a.fits", "b.fits", "c.fits.gz", "d.fits", "e.fits.fz")]
    packed = gzip.compress(content, mtime=0)
    for path, data in zip(paths, (content, content, packed, packed), strict=False):
        path.write_bytes(data)
    with fits.open(paths[0]) as file:
        header = file[0].header.copy()
        unit = fits.CompImageHDU(data=file[0].data, header=header, compression_type="RICE_1")
        fits.HDUList([fits.PrimaryHDU(), unit]).writeto(paths[4])
    return paths


def test_every_copy_of_a_frame_has_its_identity_and_pixels(tmp_path, tiny, pixels):
    frames = [one(path, tiny) for path in copies(tmp_path, raw_bytes(pixels, good_cards(tiny)))]
    assert len({frame.frame_id for frame in frames}) == 1
    assert len({frame.content_sha256 for frame in frames}) == 1
    for frame in frames:
        np.testing.assert_array_equal(frame.array, pixels)
        assert frame.header == frames[0].header


def test_another_pixel_card_or_detector_is_another_frame(tmp_path, tiny, pixels):
    other = pixels.copy()
    other[0, 0] ^= 1
    contents = [
        raw_bytes(pixels, good_cards(tiny)),
        raw_bytes(other, good_cards(tiny)),
        raw_bytes(pixels, good_cards(tiny, EXPID="SC_20260101_000002")),
        raw_bytes(pixels, good_cards(tiny, DETECTOR=1)),
    ]
    ids = set()
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.fits"
        path.write_bytes(content)
        ids.add(one(path, tiny).frame_id)
    assert len(ids) == len(contents)


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_hostile_files_are_refused_with_reason_file_and_place(tmp_path, tiny, hostile):
    path = tmp_path / hostile.name
    path.write_bytes(hostile.make(tiny))
    with pytest.raises(FrameRejected) as caught:
        read_frames(path, tiny)
    assert caught.value.reason is hostile.reason
    assert str(caught.value).startswith(f"{hostile.name}: ")
    assert hostile.says in str(caught.value)


def test_the_corpus_is_written_whole(tmp_path, tiny):
    written = write_corpus(tmp_path, tiny)
    assert len(list(tmp_path.iterdir())) == len(written) == len(CORPUS)


def test_a_bomb_is_not_unpacked(tmp_path, tiny, monkeypatch):
    taken = []
    read = igzip.IGzipFile.read

    def counted(self, size=-1):
        data = read(self, size)
        taken.append(len(data))
        return data

    monkeypatch.setattr(igzip.IGzipFile, "read", counted)
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(gzip.compress(bytes(200 << 20), 1, mtime=0))
    with pytest.raises(FrameRejected, match="more than"):
        read_frames(path, tiny)
    assert sum(taken) < 20 << 20


def test_a_compressed_bomb_is_refused_by_its_shape(tmp_path, tiny):
    unit = fits.CompImageHDU(
        data=np.zeros((4000, 4000), np.int16), header=fits.Header(good_cards(tiny)), compression_type="RICE_1"
    )
    path = tmp_path / "bomb.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(path)
    with pytest.raises(FrameRejected) as caught:
        read_frames(path, tiny)
    assert caught.value.reason is RejectionReason.WRONG_SHAPE
    assert "4000 x 4000" in str(caught.value)
    assert "144 x 164" in str(caught.value)


def test_damaged_rice_data_are_refused(tmp_path, tiny, pixels):
    path = copies(tmp_path, raw_bytes(pixels, good_cards(tiny)))[4]
    content = path.read_bytes()
    table = content.index(b"XTENSION")
    data = content.index(b"END" + b" " * 77, table)
    start = data + 2880 - data % 2880
    path.write_bytes(content[:start] + b"\xff" * 1000 + content[start + 1000 :])
    with pytest.raises(FrameRejected) as caught:
        read_frames(path, tiny)
    assert caught.value.reason is RejectionReason.CORRUPT


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path, tiny):
    for path in (tmp_path / "none.fits", tmp_path):
        with pytest.raises(FrameRejected) as caught:
            read_frames(path, tiny)
        assert caught.value.reason is RejectionReason.UNREADABLE


def test_a_refusal_crosses_processes():
    refusal = FrameRejected(RejectionReason.TRUNCATED, "a.fits: is truncated")
    again = pickle.loads(pickle.dumps(refusal))
    assert (again.reason, str(again)) == (refusal.reason, str(refusal))


def test_a_bias_may_be_without_times_but_not_guessed(tmp_path, tiny):
    path = tmp_path / "a.fits"
    path.write_bytes(good_bytes(tiny, EXPTIME=None, DARKTIME=None))
    facts = one(path, tiny).facts
    assert (facts.exptime_s, facts.dark_time_s) == (None, None)


def test_dark_time_is_the_exposure_time_where_nothing_tells(tmp_path, tiny):
    path = tmp_path / "a.fits"
    path.write_bytes(good_bytes(tiny, IMGTYPE="DARK", EXPTIME=5, DARKTIME=None))
    assert one(path, tiny).facts.dark_time_s == 5.0


def test_an_odd_card_that_is_not_needed_is_left_out_and_named(tmp_path, tiny):
    content = good_bytes(tiny)
    blank = content.index(b"CHECKSUM=")
    odd = b"AMBIENT = 12 degrees \xb0C".ljust(80)
    path = tmp_path / "a.fits"
    path.write_bytes(content[:blank] + odd + content[blank + 80 :])
    frame = one(path, tiny)
    assert frame.ignored == ("card AMBIENT of HDU 0 cannot be understood",)
    assert "AMBIENT" not in frame.header


def test_signed_scaled_float_and_blank_pixels(tmp_path, tiny):
    shape = tiny.detector(0).raw_shape
    values = np.arange(shape[0] * shape[1]).reshape(shape) % 1000
    header = fits.Header(good_cards(tiny))
    path = tmp_path / "a.fits"
    for array in (values.astype(np.int16), values.astype(np.int32), values.astype(np.float32)):
        fits.PrimaryHDU(array, header).writeto(path, overwrite=True)
        read = one(path, tiny).array
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
    unit = fits.PrimaryHDU(values.astype(np.float64), header)
    unit.scale("int16", bscale=0.5, bzero=100)
    unit.writeto(path, overwrite=True)
    np.testing.assert_array_equal(one(path, tiny).array, values)
    unit = fits.PrimaryHDU(values.astype(np.int16), header)
    unit.header["BLANK"] = 999
    unit.writeto(path, overwrite=True)
    with pytest.raises(FrameRejected, match=r"23 of the 23616 pixels .*BLANK \(999\)"):
        read_frames(path, tiny)


def test_one_extension_per_detector(tmp_path, tiny):
    content = tiny.model_dump(mode="json")
    content["files"]["hdus"] = "extension-per-detector"
    for detector in content["detectors"]:
        detector["hdu"] = f"CCD{detector['id']}"
    mosaic = type(tiny).model_validate(content)
    shape = tiny.detector(0).raw_shape
    planes = [np.full(shape, level, np.uint16) for level in (10, 20)]
    units = [fits.PrimaryHDU(header=fits.Header(good_cards(tiny)))]
    units += [fits.ImageHDU(plane, name=f"CCD{number}") for number, plane in enumerate(planes)]
    path = tmp_path / "mosaic.fits"
    fits.HDUList([units[0], units[2], units[1]]).writeto(path)
    frames = read_frames(path, mosaic)
    assert [(frame.detector, int(frame.array[0, 0])) for frame in frames] == [(0, 10), (1, 20)]
    assert {frame.facts.exposure_id for frame in frames} == {"SC_20260101_000001"}
    fits.HDUList(units[:2]).writeto(path, overwrite=True)
    with pytest.raises(FrameRejected, match="no image extension CCD1"):
        read_frames(path, mosaic)


def test_what_a_terminal_would_obey_in_a_name_is_written_as_an_escape(tmp_path):
    path = tmp_path / "a\x1b[31m\udcffb.fits"
    path.write_bytes(b"\x1b[31m junk" * 300)
    with pytest.raises(FrameRejected) as refused:
        read_frames(path, load_instrument("simcam-tiny"))
    assert str(refused.value).startswith("a\\x1b[31m\\udcffb.fits: is not FITS: it begins with '\\x1b[31m")
    assert str(refused.value).isprintable()


def test_the_name_as_people_know_it_counts(tmp_path):
    instrument = load_instrument("newton-du940p")
    stored = tmp_path / "0123abcd"
    header = fits.Header({"HEAD": "DU940P_BV", "EXPOSURE": 1e-5, "FRAME": "2022-09-19T19:47:40.000"})
    fits.PrimaryHDU(np.zeros((1, 100, 2048), np.float32), header).writeto(stored)
    (frame,) = read_frames(stored, instrument, "night/bias_1.fits.gz")
    assert (frame.facts.exposure_id, frame.facts.image_type) == ("bias_1", ImageType.BIAS)
    with pytest.raises(FrameRejected, match="none of 3 rules holds"):
        read_frames(stored, instrument)


@given(data=st.data())
def test_no_damage_escapes_as_another_error(tmp_path_factory, data):
    instrument = load_instrument("simcam-tiny")
    content = bytearray(good_bytes(instrument))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, 2879))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.fits"
    path.write_bytes(content)
    outcome = frames_or_refusal(path, instrument)
    if isinstance(outcome, FrameRejected):
        assert str(outcome).startswith("a.fits: ")
    else:
        assert outcome[0].array.shape == instrument.detector(0).raw_shape


def frames_or_refusal(path, instrument):
    try:
        return read_frames(path, instrument)
    except FrameRejected as refusal:
        return refusal


def test_pixels_have_a_hash_of_their_own_unless_they_are_all_equal(tmp_path, tiny, pixels):
    def read(name, array, **cards):
        (tmp_path / name).write_bytes(raw_bytes(array, good_cards(tiny, **cards)))
        return one(tmp_path / name, tiny)

    first, renamed = (
        read("a.fits", pixels),
        read("b.fits", pixels, EXPID="another", IMGTYPE="DARK", EXPTIME=9.0),
    )
    assert first.frame_id != renamed.frame_id
    assert first.pixels_sha256 == renamed.pixels_sha256
    other = pixels.copy()
    other[-1, -1] ^= 1
    assert read("c.fits", other).pixels_sha256 != first.pixels_sha256
    assert read("d.fits", np.full_like(pixels, 7)).pixels_sha256 is None
    flat_first_row = np.full_like(pixels, 7)
    flat_first_row[-1, -1] = 8
    assert read("e.fits", flat_first_row).pixels_sha256 is not None
