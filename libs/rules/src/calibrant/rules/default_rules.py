"""The association rules of an instrument that says nothing else, as data; must not look at frames."""

from calibrant.rules.classification import ImageType
from calibrant.rules.rulesets import RoleRule, RuleSet, SetRule


def _usual(kind: str, because: str) -> RoleRule:
    """Give the role of what is usually made, and which a set can do without."""
    return RoleRule(role=kind, kind=kind, required=False, because=because)


def _measured(kind: str, because: str) -> RoleRule:
    """Give the role of what is only made on request, and which every frame of a set is corrected with."""
    return RoleRule(role=kind, kind=kind, required=False, because=because, usual=False)


_DEFECTS = _measured("defects", "a defect would be calibrated as if it were a pixel")
_CROSSTALK = _measured("crosstalk", "what leaks from other amplifiers would count as signal")
_LINEARITY = _measured("linearity", "signals would not be proportional to the light")
_CTI = _measured("cti", "charge would be found behind where it belongs")
_GAIN = _measured("gain", "signals would be in electrons by nominal gains")
_PTC = _measured("ptc", "signals would be in electrons by nominal gains")
_BFK = _measured("bfk", "bright pixels would have lost charge to their neighbours")

_OF_PAIRS = (
    _usual("bias", "bias structure would count as signal, and a pedestal that is left as light"),
    _usual("dark", "dark signal would count as light"),
    _CROSSTALK,
    _LINEARITY,
    _DEFECTS,
    _CTI,
)
"""What is taken away from pairs of flats; no gains, which are measured with them."""

_ANALYSES = (
    SetRule(
        kind="dark-current",
        image_type=ImageType.DARK,
        needs=("dark_time_s",),
        on_request=True,
        roles=(
            _usual("bias", "pixels that a bias masks have no dark current"),
            _CROSSTALK,
            _LINEARITY,
            _DEFECTS,
        ),
    ),
    SetRule(kind="bias-stability", image_type=ImageType.BIAS, on_request=True, roles=(_DEFECTS,)),
    SetRule(kind="tearing", image_type=ImageType.FLAT, on_request=True, roles=_OF_PAIRS),
    SetRule(kind="correlations", image_type=ImageType.BIAS, beside=(ImageType.FLAT,), on_request=True),
    SetRule(
        kind="persistence",
        image_type=ImageType.DARK,
        beside=(ImageType.FLAT, ImageType.SCIENCE),
        min_frames=1,
        needs=("exptime_s",),
        on_request=True,
        roles=(_DEFECTS,),
    ),
)
"""What describes a detector and corrects nothing: no other kind takes it."""

DEFAULT_RULES = RuleSet(
    name="default",
    version="1",
    rules=(
        SetRule(kind="bias", image_type=ImageType.BIAS, group_by=("night",)),
        SetRule(
            kind="crosstalk",
            image_type=ImageType.SPOT,
            beside=(ImageType.SCIENCE,),
            group_by=("night",),
            roles=(
                _usual(
                    "bias", "bias structure would hide what leaks, and a pedestal that is left would leak"
                ),
            ),
            on_request=True,
        ),
        SetRule(
            kind="linearity",
            image_type=ImageType.FLAT,
            group_by=("night",),
            min_frames=8,
            needs=("exptime_s",),
            roles=(
                _usual("bias", "bias structure would count as light, and be most of it in faint flats"),
                _CROSSTALK,
                RoleRule(
                    role="ptc",
                    kind="ptc",
                    required=False,
                    because="signals beyond the full well would be fitted",
                    usual=False,
                    earlier=True,
                ),
            ),
            on_request=True,
        ),
        SetRule(
            kind="defects",
            image_type=ImageType.DARK,
            beside=(ImageType.FLAT, ImageType.BIAS),
            group_by=("night",),
            roles=(
                _usual("bias", "bias structure would be taken for bright and cold pixels"),
                _CROSSTALK,
                _LINEARITY,
            ),
            on_request=True,
        ),
        SetRule(
            kind="dark",
            image_type=ImageType.DARK,
            group_by=("night",),
            needs=("dark_time_s",),
            roles=(
                _usual("bias", "without its bias level a dark cannot be scaled to other dark times"),
                _CROSSTALK,
                _LINEARITY,
                _DEFECTS,
            ),
            split_without={"bias": ("dark_time_s",)},
        ),
        SetRule(
            kind="cti",
            image_type=ImageType.FLAT,
            beside=(ImageType.BIAS,),
            group_by=("night",),
            on_request=True,
            roles=(_DEFECTS,),
        ),
        SetRule(
            kind="gain",
            image_type=ImageType.FLAT,
            group_by=("night",),
            min_frames=2,
            needs=("exptime_s",),
            on_request=True,
            roles=_OF_PAIRS,
        ),
        SetRule(
            kind="ptc",
            image_type=ImageType.FLAT,
            group_by=("night",),
            min_frames=6,
            needs=("exptime_s",),
            on_request=True,
            roles=_OF_PAIRS,
        ),
        SetRule(
            kind="bfk",
            image_type=ImageType.FLAT,
            group_by=("night",),
            min_frames=6,
            needs=("exptime_s",),
            on_request=True,
            roles=(*_OF_PAIRS, _PTC),
        ),
        SetRule(
            kind="flat",
            image_type=ImageType.FLAT,
            group_by=("night", "filter"),
            roles=(
                _usual("bias", "bias structure would be divided into science as if it were sensitivity"),
                _usual("dark", "dark signal would be divided into science as if it were sensitivity"),
                _CROSSTALK,
                _LINEARITY,
                _DEFECTS,
                _CTI,
                _GAIN,
                _PTC,
                _BFK,
            ),
        ),
        *_ANALYSES,
    ),
)
"""What an instrument gets that says nothing else."""
