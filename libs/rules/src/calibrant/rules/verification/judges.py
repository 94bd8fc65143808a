"""Judgements that several kinds share; arithmetic on named measurements only."""

from collections.abc import Mapping

from calibrant.rules.verification.base import Judgement, Verdict, at_most


def mean_below_noise(m: Mapping[str, float], limit: float) -> Judgement:
    """``|MEAN| < limit * NOISE``: a frame minus its calibration scatters around zero."""
    if m["NOISE"] <= 0:
        return Judgement(Verdict.FAIL, None, f"NOISE is {m['NOISE']:g}: a real amplifier has some")
    ratio = abs(m["MEAN"]) / m["NOISE"]
    below = ratio < limit
    words = f"|mean| {abs(m['MEAN']):.4g} is {ratio:.4g} of the noise {m['NOISE']:.4g}"
    return Judgement(Verdict.PASS if below else Verdict.FAIL, ratio, f"{words}, limit below {limit:g}")


def noise_near_read_noise(m: Mapping[str, float], limit: float) -> Judgement:
    """``(NOISE - READ_NOISE) / READ_NOISE <= limit``, one-sided: quieter than expected is no fault."""
    return _excess(m["NOISE"], m["READ_NOISE"], limit, "noise")


def overscan_near_read_noise(m: Mapping[str, float], limit: float) -> Judgement:
    """``(OVERSCAN_NOISE - NOMINAL_READ_NOISE) / NOMINAL_READ_NOISE <= limit``."""
    return _excess(m["OVERSCAN_NOISE"], m["NOMINAL_READ_NOISE"], limit, "overscan noise")


def noise_without_cosmic_rays(m: Mapping[str, float], limit: float) -> Judgement:
    """``|NOISE - CR_NOISE| / CR_NOISE <= limit``: clipping and repair agree."""
    if m["CR_NOISE"] <= 0:
        return Judgement(Verdict.FAIL, None, f"CR_NOISE is {m['CR_NOISE']:g}: a real amplifier has some")
    change = abs(m["NOISE"] - m["CR_NOISE"]) / m["CR_NOISE"]
    return at_most(change, limit, "relative change of the noise by cosmic-ray repair")


def processed(m: Mapping[str, float], limit: float) -> Judgement:
    """``PROCESSING_ERRORS <= limit``: nothing went wrong while the frame was processed."""
    return at_most(m["PROCESSING_ERRORS"], limit, "number of processing errors")


def relative_scatter(m: Mapping[str, float], limit: float) -> Judgement:
    """``SCATTER / MEAN <= limit``."""
    if m["MEAN"] <= 0:
        return Judgement(
            Verdict.FAIL, None, f"the mean level is {m['MEAN']:.4g}: no light, or wrongly corrected"
        )
    return at_most(m["SCATTER"] / m["MEAN"], limit, "scatter relative to the mean level")


def _excess(noise: float, read_noise: float, limit: float, word: str) -> Judgement:
    if read_noise <= 0:
        return Judgement(
            Verdict.FAIL, None, f"READ_NOISE is {read_noise:g}: give the amplifier's in the instrument file"
        )
    if noise <= 0:
        return Judgement(Verdict.FAIL, None, f"{word} is {noise:g}: a real amplifier has some")
    excess = (noise - read_noise) / read_noise
    return at_most(
        excess, limit, f"{word} {noise:.4g} beside the read noise {read_noise:.4g}: relative excess"
    )


def gain_near_nominal(m: Mapping[str, float], limit: float) -> Judgement:
    """``|GAIN - NOMINAL_GAIN| / NOMINAL_GAIN <= limit``."""
    nominal = m["NOMINAL_GAIN"]
    words = f"gain {m['GAIN']:.4g} beside the nominal one {nominal:.4g}: relative difference"
    return at_most(abs(m["GAIN"] - nominal) / nominal, limit, words)
