"""The first step of ``python -m calibrant.<service>``: its code is imported, then it runs.

Owns that order, and imports nothing before it is asked to. What runs is in `calibrant.runtime.main`.
"""

from pkgutil import resolve_name

from calibrant.runtime.garbage import sparing


def launch(create_app: str, settings_type: str) -> int:
    """Import a service and run it from the command line.

    Parameters
    ----------
    create_app, settings_type : str
        Where the two arguments of `calibrant.runtime.main.run` are, as ``module:name``.

    Returns
    -------
    int
        The exit code.
    """
    with sparing():
        from calibrant.runtime.main import run  # noqa: PLC0415  it imports much

        found = resolve_name(create_app), resolve_name(settings_type)
    return run(*found)
