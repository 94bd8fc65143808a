"""Tests of a persistence, per amplifier, on what its tables say. Its error decides; how much stays is told."""

from calibrant.rules.verification.analyses import About

SHARE = About("persistence")

ERROR = SHARE.decides("ERROR", "LATENT_ERROR", 0.001, "standard error of what stays, over the light,")
LATENT = SHARE.told(
    "LATENT",
    ("LATENT", "LATENT_ERROR"),
    0.003,
    "what stays in the first dark, over the light,",
    "ours, of Euclid NISP's 0.3 % (arXiv:2507.11326); advisory",
)
DECAY = About(
    "persistence", missing="what stays does not decay significantly, or leaves no degree of freedom"
).told("DECAY", ("DECAY_MISFIT",), 3.0, "chi squared of the decay over its degrees of freedom")
