"""Settings of the sequencer: what cannot be meant is refused at the start."""

import pytest
from pydantic import ValidationError

from calibrant.sequencer.settings import SequencerSettings


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("bias", "'bias' is not INSTRUMENT/KIND"),
        ("simcam/bais", "'simcam/bais': there is no such kind; there are \\*, bias, "),
    ],
)
def test_a_mode_is_for_a_kind_that_there_is(tmp_path, key, said):
    with pytest.raises(ValidationError, match=said):
        SequencerSettings(data_dir=tmp_path, certification={key: "ask"})


def test_a_mode_may_be_for_any_camera_and_kind(tmp_path):
    modes = {"*/*": "ask", "*/dark": "green", "any-camera/*": "always"}
    assert SequencerSettings(data_dir=tmp_path, certification=modes).certification == modes
