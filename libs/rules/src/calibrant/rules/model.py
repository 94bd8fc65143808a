"""The frozen base of every model in this package; knows nothing of the domain."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, no unknown fields, no NaN and no infinity in its numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
