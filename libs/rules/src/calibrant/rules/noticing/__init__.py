"""What a careful astronomer would notice in the numbers of a set: one unlike the others, a drift, a mixture. Pure.

Owns when a number is worth a word, and by which limits. Must not know what is measured, nor how it is said.
"""

from calibrant.rules.noticing.courses import Course, course_of, spreads_from_one
from calibrant.rules.noticing.mixtures import Group, groups_of
from calibrant.rules.noticing.standing_out import StandingOut, standing_out

__all__ = [
    "Course",
    "Group",
    "StandingOut",
    "course_of",
    "groups_of",
    "spreads_from_one",
    "standing_out",
]
