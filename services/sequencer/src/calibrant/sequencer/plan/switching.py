"""Which roles of a rule count with what is asked of its recipe: none that it would not correct frames with. Chooses nothing."""

import json
from collections.abc import Mapping

from calibrant.frames.correcting import Choices
from calibrant.frames.measured import MEASURED
from calibrant.rules.rulesets import SetRule


def switched(rule: SetRule, asked: Mapping[str, str]) -> SetRule:
    """Return a rule without the roles that are switched off.

    Parameters
    ----------
    rule : SetRule
        What a set takes.
    asked : mapping of str to str
        Parameters asked for its recipe, as JSON text by name; what is not asked for is as `Choices` has it.
    """
    switches = {
        name: json.loads(asked[name]) if name in asked else one.default
        for name, one in Choices.model_fields.items()
    }
    roles = tuple(role for role in rule.roles if switches.get(_switch(role.kind)) is not False)
    return rule.model_copy(update={"roles": roles})


def _switch(kind: str) -> str:
    """Return the parameter that switches a kind: of a mask of defects its name."""
    return MEASURED[kind].switch if kind in MEASURED else kind
