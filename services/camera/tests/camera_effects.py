"""A camera with an effect, the exposures it takes, and what its truth says of them."""

from calibrant.camera.simulator import (
    Exposure,
    SimulatedDetector,
)

FIRST = 2026010100001
LIGHT_E_PER_S = 10_000.0
QUIET = {
    "bias_level_adu": 1000.0,
    "bias_amplifier_spread_adu": 0.0,
    "bias_structure_adu": 0.0,
    "bias_drift_adu": 0.0,
    "dark_current_e_per_s": 0.0,
    "hot_pixel_fraction": 0.0,
    "prnu": 0.0,
    "vignetting": 0.0,
    "flat_rate_e_per_s": LIGHT_E_PER_S,
    "cosmic_rays_per_s": 0.0,
}
"""A camera that has nothing but photons, so that what an effect does stands alone."""


def camera(instrument, *effects, detector=0, seed=7):
    return SimulatedDetector.of(instrument, detector, seed=seed, effects=effects)


def flat(seconds=4.0, number=1):
    return Exposure(FIRST + number - 1, "FLAT", seconds, seconds, shutter=True)


def dark(seconds, number=1, earlier=()):
    return Exposure(FIRST + number - 1, "DARK", seconds, seconds, shutter=False, earlier=earlier)


def facts(camera, name):
    return camera.effects[name].truth().facts
