"""The README's camera is a camera, and its example of rows runs."""

import re
from pathlib import Path

import numpy as np
from astropy.io import fits

from calibrant.frames.instrument import check_instrument, load_instrument
from calibrant.frames.reading import read_frames


def test_the_camera_of_the_readme_reads_a_frame(tmp_path, monkeypatch):
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text()
    path = tmp_path / "my-camera.yaml"
    path.write_text(re.search(r"```yaml\n(.*?)```", readme, re.DOTALL)[1])
    assert check_instrument(path) == []
    camera = load_instrument(path)
    assert camera.geometry(0).shape == (1024, 1024)
    cards = {"INSTRUME": "GUIDER 1", "DATE-OBS": "2026-01-01T22:00:00", "EXPTIME": 3, "FILTER": "V"}
    frame_path = tmp_path / "flat_0001.fits"
    fits.PrimaryHDU(np.ones((1024, 1048), np.uint16), fits.Header(cards)).writeto(frame_path)
    (frame,) = read_frames(frame_path, camera)
    assert (frame.facts.image_type, frame.facts.exposure_id, frame.facts.filter) == ("flat", "flat_0001", "V")
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(re.search(r"```python\n(.*?open_frames.*?)```", readme, re.DOTALL)[1], found)
    assert (found["values"] == 1).all()
