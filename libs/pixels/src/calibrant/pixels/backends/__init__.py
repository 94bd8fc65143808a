"""How a :class:`calibrant.pixels.plan.Plan` is carried out, one module for each way.

Each has `check`, which raises :class:`BackendMissingError` where it cannot work, and `combine`, which fills the
planes. All give the same bits.
"""


class BackendMissingError(RuntimeError):
    """A backend does not work on this machine; the text says why and what to do."""
