"""The file edge: damaged and lying files are read as what they are or refused with a reason, in bounded memory and time."""

import gzip
import os
import resource
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibrant.frames.instrument import InstrumentError, load_instrument, named_instrument
from calibrant.frames.plain_yaml import NotYamlError, load_yaml
from calibrant.frames.reading import FrameRejected, RejectionReason, read_frames
from calibrant.frames.testing import good_bytes, good_cards
from calibrant.runtime.testing.hostile import NUMBERS, TEXTS

HERE = Path(__file__).parent
MICRO = load_instrument(HERE / "micro.yaml")
SEEDS = {path.name: path.read_bytes() for path in sorted((HERE / "seeds").iterdir())}
RUNS = 2000
OFTEN = settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STRUCTURE = (
    *(
        "SIMPLE",
        "XTENSION",
        "BITPIX",
        "NAXIS",
        "NAXIS1",
        "NAXIS2",
        "PCOUNT",
        "GCOUNT",
        "BSCALE",
        "BZERO",
        "BLANK",
    ),
    *("TFIELDS", "TFORM1", "TTYPE1", "THEAP", "ZIMAGE", "ZCMPTYPE", "ZBITPIX", "ZNAXIS", "ZNAXIS1", "ZTILE1"),
    *("ZVAL1", "ZVAL2", "EXPTIME", "DATE-BEG", "DETECTOR", "IMGTYPE", "EXPID", "INSTRUME", "TIMESYS"),
)


def read(folder, content, name="frame.fits"):
    """Read a file, which must give frames of the camera or be refused with a reason and its name."""
    path = folder / name
    path.write_bytes(content)
    try:
        frames = read_frames(path, MICRO)
    except FrameRejected as refusal:
        assert str(refusal).startswith(f"{name}: ")  # noqa: PT017  it need not be refused
        return refusal
    assert [frame.array.shape for frame in frames] == [(8, 10)]
    assert all(np.isfinite(frame.array).all() for frame in frames)
    return None


def card(name, written):
    return f"{name:8}= {written:>20}".encode("ascii", "replace")[:80].ljust(80)


def exchanged(content, name, written):
    """Return a file with another value written behind a keyword, or with the card in front where there is none."""
    place = next(
        (at for at in range(0, len(content), 80) if content[at : at + 9] == f"{name:8}=".encode()), 80
    )
    return content[:place] + card(name, written) + content[place + 80 :]


def with_cards(content, *cards):
    """Return a file with further cards before the END of its first header."""
    end = next(at for at in range(0, len(content), 80) if content[at : at + 8] == b"END     ")
    header = content[:end] + b"".join(one[:80].ljust(80) for one in cards) + b"END".ljust(80)
    return header.ljust(-(-len(header) // 2880) * 2880) + content[-(-(end + 80) // 2880) * 2880 :]


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_are_good_frames(tmp_path, name):
    assert read(tmp_path, SEEDS[name], name) is None


@OFTEN
@given(data=st.data())
def test_bytes_flipped_cut_and_spliced(tmp_path, data):
    content = bytearray(SEEDS[data.draw(st.sampled_from(sorted(SEEDS)))])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    other = SEEDS[data.draw(st.sampled_from(sorted(SEEDS)))]
    start, length = data.draw(st.integers(0, len(other))), data.draw(st.integers(0, 300))
    at = data.draw(st.integers(0, len(content)))
    spliced = bytes(content[:at]) + other[start : start + length] + bytes(content[at:])
    read(
        tmp_path, spliced[: data.draw(st.integers(0, len(spliced)))] if data.draw(st.booleans()) else spliced
    )


@OFTEN
@given(
    seed=st.sampled_from(sorted(set(SEEDS) - {"gzipped.fits.gz"})),
    name=st.sampled_from(STRUCTURE),
    written=st.one_of(
        st.sampled_from([number[:70] for number in NUMBERS]),
        st.sampled_from([f"'{text[:60]}'" for text in TEXTS]),
        st.sampled_from(
            ["T", "F", "", "'", "'''", "1PB(9)", "'1PB(999999999)'", "'1QD(1)'", "'9X'", "1E308", "-1E308"]
        ),
        st.integers(-(2**63), 2**63).map(str),
    ),
)
def test_cards_that_lie(tmp_path, seed, name, written):
    content = SEEDS[seed]
    for _ in range(2):  # in the first header that has it, or in front
        content = exchanged(content, name, written)
    read(tmp_path, content)


def tiles(method, *replaced, **cards):
    """Return a compressed image whose first tile holds other bytes, and whose cards lie."""
    pixels = np.arange(80, dtype=np.int16).reshape(8, 10)
    unit = fits.CompImageHDU(
        pixels, fits.Header(good_cards(MICRO)), compression_type=method, tile_shape=(8, 10)
    )
    stream = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), unit]).writeto(stream)
    with fits.open(BytesIO(stream.getvalue()), disable_image_compression=True) as file:
        packed = np.frombuffer(replaced[0], np.uint8) if replaced else file[1].data["COMPRESSED_DATA"][0]
        form = f"1PB({len(packed)})"
        table = fits.BinTableHDU.from_columns([fits.Column("COMPRESSED_DATA", form, array=[packed])])
        for one in file[1].header.cards:
            if one.keyword[0] == "Z" or one.keyword in good_cards(MICRO):
                table.header[one.keyword] = one.value
    table.header.update(cards)
    stream = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def shifted(content):
    """Return a compressed image whose first tile says that it lies a long way behind the file's end."""
    table = content.index(b"END".ljust(80), content.index(b"XTENSION")) // 2880 * 2880 + 2880
    return content[: table + 4] + (1 << 30).to_bytes(4) + content[table + 8 :]


def test_a_tile_that_would_unpack_to_a_gigabyte_is_refused_before_it_does(tmp_path):
    assert read(tmp_path, tiles("GZIP_1")) is None
    bomb = tiles("GZIP_1", gzip.compress(bytes(1 << 28), 1, mtime=0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refusal = read(tmp_path, bomb)
    assert refusal.reason is RejectionReason.TOO_LARGE
    assert "tile 0 of HDU 1 unpacks to more than" in str(refusal)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10


@pytest.mark.parametrize(
    ("content", "reason", "says"),
    [
        (lambda: tiles("HCOMPRESS_1"), RejectionReason.UNKNOWN_COMPRESSION, "ZCMPTYPE of HDU 1 is 'HCOMPRESS_1'"),
        (lambda: tiles("RICE_1", ZTILE1=0), RejectionReason.MALFORMED_HEADER, "ZTILE"),
        (lambda: tiles("RICE_1", ZTILE1=1, ZTILE2=1), RejectionReason.MALFORMED_HEADER, "1 rows for 80 tiles"),
        (lambda: shifted(tiles("RICE_1")), RejectionReason.CORRUPT, "tile 0 of HDU 1 lies beyond its data"),
        (lambda: tiles("RICE_1", b"\0" * 9), RejectionReason.CORRUPT, "HDU 1"),
        (lambda: with_cards(SEEDS["plain.fits"], card("GCOUNT", "0"))[:2880], RejectionReason.MALFORMED_HEADER, "GCOUNT"),
        (lambda: exchanged(SEEDS["plain.fits"], "BZERO", "NAN"), RejectionReason.BAD_CARD, "card BZERO of HDU 0"),
        (lambda: exchanged(SEEDS["plain.fits"], "BZERO", "1E999"), RejectionReason.BAD_CARD, "card BZERO of HDU 0"),
        (lambda: exchanged(SEEDS["plain.fits"], "BSCALE", "1E308"), RejectionReason.NOT_A_NUMBER, "NaN or infinite"),
        (
            lambda: SEEDS["plain.fits"] + (card("XTENSION", "'IMAGE   '") + card("BITPIX", "8") + card("NAXIS", "0") + b"END".ljust(80)).ljust(2880) * 2000,
            RejectionReason.MALFORMED_HEADER,
            "more than 1000 HDUs",
        ),
        (
            lambda: with_cards(SEEDS["plain.fits"], *[card(f"K{n}", "1") for n in range(40_000)]),
            RejectionReason.MALFORMED_HEADER,
            "no END card",
        ),
    ],
)  # fmt: skip
def test_lies_are_named(tmp_path, content, reason, says):
    refusal = read(tmp_path, content())
    assert (refusal.reason, says in str(refusal)) == (reason, True), refusal


def test_texts_of_all_kinds_in_cards_and_names(tmp_path):
    for number, text in enumerate(TEXTS):
        shown = text.encode("ascii", "replace").decode().replace("\0", " ")
        printable = "".join(letter if letter.isprintable() else "?" for letter in shown)[:60]
        read(tmp_path, good_bytes(MICRO, EXPID=printable or " "))
        frame = tmp_path / f"{number}.fits"
        frame.write_bytes(SEEDS["plain.fits"])
        assert read_frames(frame, MICRO, text.replace("\0", "") or None)


def test_what_never_ends_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.fits")
    for path in (tmp_path / "pipe.fits", Path("/dev/zero"), tmp_path):
        with pytest.raises(FrameRejected, match="is no regular file") as caught:
            read_frames(path, MICRO)
        assert caught.value.reason is RejectionReason.UNREADABLE


def test_the_fuzzer_finds_nothing_in_a_bounded_run(tmp_path):
    ended = subprocess.run(
        [sys.executable, str(HERE / "fuzz.py"), f"-runs={RUNS}", "-seed=20261125"],
        cwd=tmp_path,  # where it would leave what it found
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    assert f"Done {RUNS} runs" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]\n" for p, n in zip("abcdefg", "bcdefgh", strict=True)), "more than 100000 values"),
        ("a: &a {b: *a}", "more than 100000 values"),
        ("- " * 50_000, "nested too deep"),
        ("a: " + "9" * 5000, "a number has more than 100 digits"),
        ("a: 1" + ":59" * 50_000, "a number has more than 100 digits"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor"),
        ("a: 1\na: 2", "written twice"),
        ("x" * (1 << 21), "characters"),
        ("a: \0", "unacceptable character"),
    ],
    ids=range(9),
)  # fmt: skip
def test_yaml_that_takes_for_ever_or_runs_code_is_refused(tmp_path, text, says):
    with pytest.raises(NotYamlError, match=says):
        load_yaml(text)
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    with pytest.raises(InstrumentError, match=r"camera\.yaml"):
        load_instrument(path)


@pytest.mark.parametrize("name", [text for text in TEXTS if text != "null"])
def test_a_name_in_a_message_opens_no_file(tmp_path, name):
    with pytest.raises(InstrumentError, match="is no name of an instrument"):
        named_instrument(name, tmp_path)


def test_a_path_is_no_name(tmp_path):
    (tmp_path / "micro.yaml").write_bytes((HERE / "micro.yaml").read_bytes())
    assert named_instrument("micro", tmp_path).name == "micro"
    for name in (str(tmp_path / "micro.yaml"), "./micro", "micro.yaml"):
        with pytest.raises(InstrumentError):
            named_instrument(name, tmp_path)
