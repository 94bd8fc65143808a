"""Columns of tables as all recipes make them; must not know which tables there are."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def texts(values: Iterable[object]) -> Any:
    """Return the values of a column of texts, (rows,): each as `str` has it, so a reason as its sentence."""
    return np.array([str(value) for value in values], dtype=np.str_)
