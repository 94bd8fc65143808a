"""What a job is refused with."""

import pytest

from calibrant.combine.building import compute
from calibrant.combine.inputs import InputRefused


def refused(bench, job, *, error=InputRefused):
    with pytest.raises(error) as raised:
        compute(job, bench.workspace("refused"))
    return str(raised.value)
