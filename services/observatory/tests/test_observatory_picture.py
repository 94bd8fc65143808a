"""The picture of masters: a file, a panel for each, whatever is in the frames."""

import numpy as np
import pytest
from matplotlib.image import imread

from calibrant.frames.writing import ProductImage, Provenance, write_product
from calibrant.observatory.picture import LONGEST, Master, save_picture
from calibrant.pixels import Mask


@pytest.fixture
def master(tmp_path):
    def make(kind, detector, data, verdict="certified", mask=None):
        path = tmp_path / f"{kind}{detector}.fits"
        name = f"{kind}-{detector}"
        provenance = Provenance(name, "0" * 64, kind, "1", "0.1.0", "1" * 64)
        image = ProductImage(
            kind=kind,
            instrument="simcam-tiny",
            detector=detector,
            detector_name=f"S0{detector}",
            unit="electron",
            data=data,
            variance=np.ones_like(data),
            mask=np.zeros(data.shape, np.uint32) if mask is None else mask,
            count=np.ones(data.shape, int),
            provenance=provenance,
            statistic="mean",
            begin_tai_ns=1_767_225_637_000_000_000,
            end_tai_ns=1_767_225_667_000_000_000,
        )
        write_product(path, image)
        return Master(kind, detector, path, verdict)

    return make


def size(path):
    height, width = imread(path).shape[:2]
    return height, width


def test_a_panel_for_each_kind_and_detector(master, tmp_path):
    frame = np.arange(48, dtype=np.float32).reshape(6, 8)
    save_picture([master("bias", 0, frame)], tmp_path / "one.png", "one")
    save_picture(
        [master("bias", 0, frame), master("bias", 1, frame), master("dark", 1, frame, "withheld")],
        tmp_path / "more.png",
        "more",
    )
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    one, more = size(tmp_path / "one.png"), size(tmp_path / "more.png")
    assert more[0] - one[0] == pytest.approx(3.4 * 110, abs=2)
    assert more[1] - one[1] == pytest.approx(3.6 * 110, abs=2)


def test_a_withheld_one_is_marked_in_red(master, tmp_path):
    frame = np.arange(48, dtype=np.float32).reshape(6, 8)
    reds = []
    for verdict in ("certified", "withheld"):
        save_picture([master("bias", 0, frame, verdict)], tmp_path / "x.png", "")
        image = imread(tmp_path / "x.png")
        reds.append(np.count_nonzero((image[..., 0] > 0.6) & (image[..., 1] < 0.3)))
    assert reds[0] == 0
    assert reds[1] > 20


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((6, 8), np.float32),
        np.where(np.eye(6, 8), np.nan, 1.0).astype(np.float32),
        np.ones((LONGEST * 2 + 5, 3), np.float32),
    ],
    ids=["flat", "with NaN", "large"],
)
def test_odd_frames_are_drawn(master, tmp_path, data):
    save_picture([master("dark", 0, data)], tmp_path / "odd.png", "odd")
    assert size(tmp_path / "odd.png")[0] > 100


def test_single_defects_of_a_large_detector_are_seen_in_their_colours(master, tmp_path):
    mask = np.zeros((LONGEST * 3, LONGEST * 3), np.uint32)
    mask[100, 101], mask[1000, 1001] = Mask.BAD | Mask.HOT, Mask.BAD | Mask.DEAD
    seen = []
    for shown in (mask, np.zeros_like(mask)):
        data = np.zeros(mask.shape, np.float32)
        save_picture([master("defects", 0, data, mask=shown)], tmp_path / "x.png", "")
        image = imread(tmp_path / "x.png")
        red, blue = image[..., 0] - image[..., 2] > 0.4, image[..., 2] - image[..., 0] > 0.25
        seen.append((np.count_nonzero(red), np.count_nonzero(blue)))
    (red, blue), (no_red, no_blue) = seen
    assert red - no_red > 3
    assert blue - no_blue > 3
