"""The form of association rules: which frames make a set, and which calibrations it needs; must not look at frames."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from calibrant.rules.classification import ImageType
from calibrant.rules.holding_out import HoldOut
from calibrant.rules.model import Frozen
from calibrant.rules.validity import ValidityRule

GroupField = Literal["night", "filter", "exptime_s", "dark_time_s"]


class RoleRule(Frozen):
    """One calibration that a set takes as input.

    Parameters
    ----------
    role : str
        Name of the input in the recipe.
    kind : str
        Kind of calibration that fills it.
    required : bool
        Without it the branch stops; otherwise the set goes on without and says so.
    because : str
        Why the set wants it.
    usual : bool
        Whether a set that goes without says so where there is none at all; of what is only made on request it does not.
    earlier : bool
        Whether only what was certified before counts, and nothing that the same run makes: of two kinds that take each
        other, one has to.
    """

    role: str
    kind: str
    required: bool
    because: str
    usual: bool = True
    earlier: bool = False

    @property
    def needed(self) -> bool:
        """Whether a run that stops on failure stops a set for want of it: not for what is made on request alone."""
        return self.required or self.usual


class SetRule(Frozen):
    """How frames become sets of one kind.

    Parameters
    ----------
    kind : str
        Kind of calibration that is made of a set, and name of the recipe that makes it.
    image_type : ImageType
        Frames it is made of.
    beside : tuple of ImageType
        Further types whose frames go into the same set, each type where it has enough of them.
    group_by : tuple of field names
        Frames that agree in these belong together; empty: all of them are one pool.
    min_frames : int
        Fewest frames per detector, of each type.
    needs : tuple of field names
        Frames without a value here cannot be used.
    roles : tuple of RoleRule
        Calibrations the set takes as input.
    split_without : mapping of role to field names
        Group by these as well where the role has nothing to fill it (darks without a bias, by dark time).
    validity : ValidityRule
        Range of the product when nobody says otherwise.
    hold_out : int or tuple of str
        Exposures kept out of the product, to verify it instead of those combined: how many, spread evenly over the
        set, or which.
    recipe_version : str
        Version that plans pin of the recipe that combines a set; a recipe is named as the kind it makes.
    on_request : bool
        Whether it is made only where a run names it.
    parameters : mapping of str to JSON value
        Parameters of the recipe where a run says nothing else, and which are not the recipe's own.
    """

    kind: str
    image_type: ImageType
    beside: tuple[ImageType, ...] = ()
    group_by: tuple[GroupField, ...] = ("night",)
    min_frames: int = Field(default=3, ge=1)
    needs: tuple[GroupField, ...] = ()
    roles: tuple[RoleRule, ...] = ()
    split_without: Mapping[str, tuple[GroupField, ...]] = Field(default_factory=dict)
    validity: ValidityRule = ValidityRule()
    hold_out: HoldOut = 0
    recipe_version: str = "1"
    on_request: bool = False
    parameters: Mapping[str, JsonValue] = Field(default_factory=dict)

    @property
    def image_types(self) -> tuple[ImageType, ...]:
        """All types whose frames go into a set."""
        return (self.image_type, *self.beside)

    @model_validator(mode="after")
    def _roles_exist(self) -> Self:
        names = [role.role for role in self.roles]
        if len(set(names)) < len(names):
            raise ValueError(f"the rule for {self.kind} names a role twice: {names}")
        unknown = sorted(set(self.split_without) - set(names))
        if unknown:
            raise ValueError(
                f"the rule for {self.kind} splits without {unknown[0]!r}, which is none of its roles"
            )
        return self


class RuleSet(Frozen):
    """Association rules of one version.

    Parameters
    ----------
    name, version : str
        Kept with every plan.
    rules : tuple of SetRule
        In build order: a kind comes after the kinds it takes as input.
    """

    name: str
    version: str
    rules: tuple[SetRule, ...]

    @model_validator(mode="after")
    def _in_build_order(self) -> Self:
        kinds = [rule.kind for rule in self.rules]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"rule set {self.name} has two rules for one kind: {kinds}")
        for position, rule in enumerate(self.rules):
            late = sorted({role.kind for role in rule.roles if not role.earlier} & set(kinds[position:]))
            if late:
                raise ValueError(
                    f"rule set {self.name} builds {rule.kind} before its input {late[0]}: swap them"
                )
        return self

    @property
    def image_types(self) -> tuple[ImageType, ...]:
        """Types of frames that something is made of, in build order, as they are taken.

        A type has the place of what is usually made of it: darks come before flats, whose light would fade in them, also where
        something on request is made of flats before.
        """
        usual = {rule.image_type for rule in self.rules if not rule.on_request}
        placing = (rule for rule in self.rules if not rule.on_request or rule.image_type not in usual)
        return tuple(dict.fromkeys(rule.image_type for rule in placing))

    def rule_for(self, kind: str) -> SetRule | None:
        """Give the rule of a kind; None when the rule set makes none."""
        return next((rule for rule in self.rules if rule.kind == kind), None)

    def needs(self, kind: str) -> bool:
        """Tell whether a kind is usually made, or some kind needs it: for what is made on request nobody stops."""
        rule = self.rule_for(kind)
        taken = any(role.kind == kind and role.needed for one in self.rules for role in one.roles)
        return taken or (rule is not None and not rule.on_request)

    def replaced(self, *rules: SetRule, name: str | None = None) -> "RuleSet":
        """Give a rule set with some kinds' rules replaced (an instrument that pools its nights)."""
        new = {rule.kind: rule for rule in rules}
        kept = tuple(new.pop(rule.kind, rule) for rule in self.rules)
        return RuleSet(name=name or self.name, version=self.version, rules=(*kept, *new.values()))
