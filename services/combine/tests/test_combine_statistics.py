"""What recipes combine by, and what a product says of it: against plain numpy and the frames themselves."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine.recipes.base import RecipeRefused


def corrected(bench, inputs):
    """Return the frames in ADU, overscan removed, by plain numpy: (N, rows, columns)."""
    geometry = bench.instrument.geometry(0)
    frames = np.zeros((len(inputs), *geometry.shape))
    for frame, one in zip(frames, inputs, strict=True):
        raw = fits.getdata(bench.objects.local_path(one.ref)).astype(float)
        for a in geometry.amplifiers:
            block = raw[a.image.slices] - np.median(raw[a.serial_overscan.slices])
            block = block[::-1] if a.flip_y else block
            frame[a.placed.slices] = block[:, ::-1] if a.flip_x else block
    return frames


def struck(bench, one, places, value=0x6000):
    """Return a copy of a frame with some raw pixels of a high value."""
    with fits.open(bench.objects.local_path(one.ref), do_not_scale_image_data=True) as file:
        for place in places:
            file[0].data[place] = value - 0x8000
        path = bench.folder / f"struck-{one.file_name}"
        file.writeto(path, output_verify="ignore")
    return bench.input(path, f"raw/{path.name}")


def test_a_minmax_mean_leaves_out_what_it_is_told_to(bench):
    inputs = bench.biases(6)
    product, _, path = bench.build(
        "bias", inputs, statistic="minmax-mean", reject_low=1, reject_high=2, unit="adu", overscan="median"
    )
    expected = np.sort(corrected(bench, inputs), axis=0)[1:-2].mean(axis=0)
    np.testing.assert_allclose(product.data, expected, atol=1e-3)
    assert (product.count == 3).all()
    header = fits.getheader(path)
    assert (header["STATISTC"], header["REJLOW"], header["REJHIGH"]) == ("minmax-mean", 1, 2)


def test_a_weighted_mean_takes_its_weights_in_the_order_of_the_frames_begins(bench):
    inputs, weights = bench.biases(3), [1.0, 2.0, 5.0]
    options = {"statistic": "weighted-mean", "weights": weights, "unit": "adu", "overscan": "median"}
    product, _, _ = bench.build("bias", inputs[::-1], **options)
    expected = np.average(corrected(bench, inputs), axis=0, weights=weights)
    np.testing.assert_allclose(product.data, expected, atol=1e-3)
    assert list(product.provenance.parameters["weights"]) == weights


def test_more_weights_than_frames_are_refused(bench):
    with pytest.raises(RecipeRefused, match="weights: 4 numbers, but there are 3 frames"):
        bench.build("bias", bench.biases(3), statistic="weighted-mean", weights=[1, 1, 1, 1])


def test_a_minmax_mean_of_too_few_frames_is_refused(bench):
    with pytest.raises(RecipeRefused, match="leave nothing of 3 frames"):
        bench.build("bias", bench.biases(3), statistic="minmax-mean", reject_low=2)


@pytest.mark.parametrize(("low", "high"), [(100.0, 1.0), (1.0, 100.0), (1.0, None)])
def test_each_side_of_the_clip_has_its_own_width(bench, low, high):
    inputs = bench.biases(9)
    options = {"sigma_low": low, "sigma_high": high, "iterations": 1, "unit": "adu", "overscan": "median"}
    product, _, path = bench.build("bias", inputs, **options)
    frames = corrected(bench, inputs)
    off = (frames - np.median(frames, axis=0)) / frames.std(axis=0)
    kept = (off >= -low) & (off <= (3.0 if high is None else high))
    assert np.mean(product.count == kept.sum(axis=0)) > 0.99  # the engine's samples are rounded to float32
    header = fits.getheader(path)
    assert (header["SIGMALOW"], header.get("SIGMAHI")) == (low, high)


def test_the_two_definitions_of_the_clip_differ_and_the_product_names_its_own(bench):
    inputs = bench.biases(9)
    options = {"sigma": 2.0, "spread": "mad", "iterations": None}
    default, _, first = bench.build("bias", inputs, **options)
    cumulative, _, second = bench.build("bias", inputs, clip="cumulative", **options)
    assert (cumulative.count <= default.count).all()
    assert (cumulative.count < default.count).any()
    assert [fits.getheader(path)["CLIPDEF"] for path in (first, second)] == ["astropy", "cumulative"]


def test_cosmic_rays_and_what_surrounds_them_are_left_out_of_a_dark(bench):
    darks = bench.darks(30.0, 30.0, 30.0)
    _, bias, _ = bench.build("bias", bench.biases(5))
    amplifier = bench.instrument.geometry(0).amplifiers[0]
    place = (amplifier.image.y0 + 12, amplifier.image.x0 + 9)
    inputs = [struck(bench, darks[0], [place]), *darks[1:], bench.calibration("bias", bias)]
    plain, _, _ = bench.build("dark", inputs, statistic="mean")
    assert (plain.count == 3).all()
    for grow in (0, 2):
        cleaned, _, _ = bench.build("dark", inputs, statistic="mean", cosmic_rays=True, cosmic_ray_grow=grow)
        fewer = np.argwhere(cleaned.count == 2)
        assert len(fewer) == (2 * grow + 1) ** 2
        assert (np.ptp(fewer, axis=0) == 2 * grow).all()
        hit = tuple(fewer[len(fewer) // 2])
        assert plain.data[hit] > 100.0
        assert cleaned.data[hit] == pytest.approx(3.0, abs=2.0)
        assert (cleaned.count[cleaned.count != 2] == 3).all()


def test_cosmic_rays_are_not_searched_for_on_a_pedestal(bench):
    with pytest.raises(RecipeRefused, match="the frames keep their pedestal"):
        bench.build("dark", bench.darks(30.0, 30.0, 30.0), overscan="none", cosmic_rays=True)
