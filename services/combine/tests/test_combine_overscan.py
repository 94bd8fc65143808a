"""Methods of the overscan: what recipes remove of a level that drifts while a frame is read."""

import numpy as np
import pytest
from astropy.io import fits

from calibrant.combine.recipes import RECIPES, parse_parameters
from calibrant.combine.recipes.base import RecipeRefused

ADU_PER_ROW = 0.5


def drifting(bench, one):
    """Return a copy of a frame whose level rises from row to row, in the image as in the overscan."""
    with fits.open(bench.objects.local_path(one.ref), do_not_scale_image_data=True) as file:
        rows = np.arange(file[0].data.shape[0])[:, None]
        file[0].data += np.round(ADU_PER_ROW * rows).astype(file[0].data.dtype)
        path = bench.folder / f"drifting-{one.file_name}"
        file.writeto(path)
    return bench.input(path, f"raw/{path.name}")


@pytest.mark.parametrize(
    ("method", "follows"),
    [
        ("median", False),
        ("clipped-mean", False),
        ("median-per-row", True),
        ("polynomial", True),
        ("spline", True),
    ],
)
def test_a_drift_is_removed_by_the_methods_that_follow_the_rows(bench, method, follows):
    inputs = [drifting(bench, one) for one in bench.biases(3)]
    product, _, path = bench.build("bias", inputs, statistic="mean", unit="adu", overscan=method)
    for amplifier in bench.instrument.geometry(0).amplifiers:
        rows = product.data[amplifier.placed.slices].mean(axis=1)
        rise = abs(rows[-8:].mean() - rows[:8].mean())
        whole = ADU_PER_ROW * (len(rows) - 8)
        assert rise == pytest.approx(0.0 if follows else whole, abs=3.0)
        assert rows.mean() == pytest.approx(0.0, abs=3.0)
    assert fits.getheader(path)["OVERSCAN"] == method
    assert product.provenance.parameters["overscan"] == method


def test_an_unknown_method_is_refused_with_those_there_are():
    with pytest.raises(RecipeRefused, match=r"bias\.overscan: 'mean': .*'polynomial' or 'spline'"):
        parse_parameters(RECIPES["bias"], {"overscan": '"mean"'})
