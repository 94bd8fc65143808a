"""Pictures of images: where detectors are drawn and how they are turned, what cannot be drawn, and where they are told."""

import io

import numpy as np
import pytest
from PIL import Image

from calibrant.camera.pictures import NoPicture, picture, placed
from calibrant.camera.sequence import TakingImages
from calibrant.camera.simulator import HeaderValues, cards
from calibrant.contracts.camera.v1 import ImageVisualization, StoredFile
from calibrant.frames.instrument import Position
from calibrant.frames.times import parse_time
from calibrant.frames.writing import raw_bytes
from calibrant.runtime.objects import FolderStore

BEHIND = (52, 58, 84)


def stored(instrument, store, folder, detector, corner_adu):
    """Store a frame that has more light in its first rows and columns."""
    values = HeaderValues(
        *("SC_O_20260101_000001", 2026010100001, detector, "FLAT", parse_time("2026-01-01T22:00:00")),
        *(1.0, 1.0, "r"),
    )
    one = instrument.detector(detector)
    array = np.full(one.raw_shape, 1000, np.uint16)
    for amplifier in one.amplifiers:
        place, image = one.placements()[amplifier.name], amplifier.image
        if place.y0 == 0 and place.x0 == 0:
            array[image.y0 : image.y1, image.x0 : image.x1] += np.uint16(corner_adu)
    path = folder / "frame"
    path.write_bytes(raw_bytes(array, cards(instrument, values)))
    key = f"raw/20260101/{values.image_name}_{detector}.fits"
    return StoredFile(detector=detector, ref=store.put_if_absent(key, path, "image/fits"))


def drawn(instrument, files, store, most):
    content = picture(instrument.canonical(), files, store, most)
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def quarters(pixels):
    """Return the grey in the middle of each quarter of a detector, from above and from the left."""
    rows, columns = pixels.shape[:2]
    return [[int(pixels[int(rows * y), int(columns * x), 0]) for x in (0.3, 0.7)] for y in (0.3, 0.7)]


def test_detectors_are_drawn_where_they_sit_and_turned_as_they_are_mounted(instrument, tmp_path):
    places = (Position(column=0, row=0), Position(column=1, row=1, turned_deg=90))
    detectors = tuple(
        one.model_copy(update={"position": place})
        for one, place in zip(instrument.detectors, places, strict=True)
    )
    mounted = instrument.model_copy(update={"detectors": detectors})
    store = FolderStore(tmp_path / "objects")
    files = [stored(mounted, store, tmp_path, detector, 500) for detector in (0, 1)]
    pixels = drawn(mounted, files, store, 100)
    assert pixels.shape == (100, 100, 3)
    assert tuple(pixels[25, 25]) == tuple(pixels[75, 75]) == BEHIND
    assert quarters(pixels[50:, :50]) == [[0, 0], [254, 0]]  # its first rows are below
    assert quarters(pixels[:50, 50:]) == [[0, 0], [0, 254]]  # a quarter turn anticlockwise
    alone = drawn(mounted, files[1:], store, 64)
    assert alone.shape[:2] == (64, 64)


def test_detectors_whose_place_is_not_told_stand_side_by_side(instrument):
    bare = [one.model_copy(update={"position": None}) for one in instrument.detectors]
    unplaced = instrument.model_copy(update={"detectors": tuple(bare)})
    found = placed(unplaced, [1, 0])
    assert [(one, at.column, at.row) for one, at in found.items()] == [(1, 0, 0), (0, 1, 0)]


def test_a_file_that_is_no_frame_is_not_drawn(instrument, tmp_path):
    (tmp_path / "file").write_bytes(b"words")
    store = FolderStore(tmp_path / "objects")
    ref = store.put_if_absent("raw/20260101/x_0.fits", tmp_path / "file", "image/fits")
    with pytest.raises(NoPicture, match="FITS"):
        picture(instrument.canonical(), [StoredFile(detector=0, ref=ref)], store, 100)


@pytest.mark.parametrize("address", ["", "http://camera:8080/camera"])
def test_pictures_are_told_where_the_api_is_served(desk, address):
    desk.service.address = address
    desk.enable()
    command, _ = desk.take("1")
    steps = TakingImages(desk.service, command, "")
    row, _ = desk.step(lambda session: steps.begin_image(session, 1))
    told = steps.telling(row).stored([], 1)
    found = [(one.image_name, one.url, one.thumbnail) for one in told if isinstance(one, ImageVisualization)]
    url = f"{address}/exposures/SC_O_20260101_000001/picture.png"
    assert found == ([("SC_O_20260101_000001", url, f"{url}?most=256")] if address else [])
