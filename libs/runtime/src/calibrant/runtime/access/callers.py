"""Who calls: an identity and roles. Knows neither how they were found nor what they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from getpass import getuser
from socket import gethostname

from calibrant.runtime.access.roles import Role, held


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Parameters
    ----------
    identity : str
        Who it is: the subject of a token, ``local``, or the name of a component.
    given : tuple of str
        Names of the roles that were given.
    """

    identity: str
    given: tuple[str, ...]

    @classmethod
    def of(cls, identity: str, roles: Iterable[str]) -> Caller:
        """Return a caller with those of the roles that mean something here, in the order of ``Role``."""
        names = set(roles)
        return cls(identity, tuple(role.value for role in Role if role.value in names))

    def has(self, role: Role) -> bool:
        """Tell whether the caller may do what needs a role."""
        return role in held(self.given)

    @property
    def roles_text(self) -> str:
        """The roles that were given, for people."""
        return ", ".join(self.given) or "no role"


def of_this_machine() -> Caller:
    """Return who runs this process from a command line: whoever may write its files may do everything."""
    try:
        name = getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        name = str(os.getuid())
    return Caller(f"{name}@{gethostname()}", (Role.ADMIN.value,))


LOCAL = Caller("local", (Role.ADMIN.value,))
"""Who calls an API that only this machine reaches and that asks for no credential."""
