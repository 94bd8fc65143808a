"""Fuzzes the reader of raw frames, guided by coverage: ``make fuzz SECONDS=60``, or with libFuzzer's own options.

Each input is a file of the camera ``micro``: it is read, or refused with a reason and its name. Anything else is a
crash, and so are a second's hang and more memory than there should be; the input is kept for a test then.
"""

import resource
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["calibrant.frames"]):
    from calibrant.frames.instrument import load_instrument
    from calibrant.frames.reading import FrameRejected, RejectionReason, read_frames

HERE = Path(__file__).parent
MICRO = load_instrument(HERE / "micro.yaml")
MEMORY = 3 << 30
HANG_S = 20
OPTIONS = (
    f"-dict={HERE / 'fits.dict'}",
    f"-timeout={HANG_S}",
    "-rss_limit_mb=1500",
    "-max_len=40000",
    "-len_control=0",
)


def main() -> None:
    """Fuzz until the options say that it is enough; the process ends with 0 where nothing was found."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / "frame.fits"

        def read(content: bytes) -> None:
            path.write_bytes(content)
            refusal = None
            try:
                frames = read_frames(path, MICRO)
            except FrameRejected as error:
                refusal = error
            if refusal is None:
                assert [frame.array.shape for frame in frames] == [(8, 10)]
            else:
                assert str(refusal).startswith(f"{path.name}: ")
                assert refusal.reason in RejectionReason

        found = Path(folder) / "found"
        found.mkdir()
        atheris.Setup([sys.argv[0], str(found), str(HERE / "seeds"), *OPTIONS, *sys.argv[1:]], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
