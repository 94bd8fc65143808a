import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.bus import errors
from calibrant.bus.errors import (
    Backoff,
    BusCorrupt,
    BusUnavailable,
    CommitFailed,
    Malformed,
    PermanentError,
    PoisonError,
    TransientError,
    UnknownTopic,
)
from calibrant.bus.ports import TopicPartition, TopicSpec

policies = st.builds(
    Backoff,
    initial_s=st.floats(0, 10),
    factor=st.floats(1, 10),
    max_s=st.floats(0, 100),
    attempts=st.integers(1, 30),
    jitter=st.floats(0, 1),
)


def test_the_examples_run():
    assert doctest.testmod(errors).failed == 0


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Malformed("ce_id is missing"), PoisonError),
        (BusUnavailable("locked"), TransientError),
        (BusCorrupt("damaged"), PermanentError),
        (UnknownTopic("t"), PermanentError),
    ],
)
def test_each_error_is_of_exactly_one_retry_class(error, kind):
    kinds = [TransientError, PermanentError, PoisonError]
    assert [found for found in kinds if isinstance(error, found)] == [kind]


def test_a_failed_commit_is_never_retried():
    error = CommitFailed([TopicPartition("jobs", 3)])
    assert not isinstance(error, (TransientError, PermanentError, PoisonError))
    assert "jobs[3]" in str(error)


@given(policies, st.floats(0, 1, exclude_max=True))
def test_delays_are_bounded_by_the_closed_form(policy, draw):
    delays = list(policy.delays_s(lambda: draw))
    assert len(delays) == policy.attempts - 1
    for index, delay in enumerate(delays):
        bare = min(policy.initial_s * policy.factor**index, policy.max_s)
        assert delay == pytest.approx(bare * (1 + policy.jitter * (2 * draw - 1)))


def test_many_attempts_do_not_overflow():
    assert Backoff(attempts=10**9, max_s=30.0, jitter=0.0).delay_s(10**8, lambda: 0.5) == 30.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"initial_s": -1.0},
        {"max_s": float("nan")},
        {"factor": 0.5},
        {"attempts": 0},
        {"jitter": 1.5},
    ],
)
def test_a_policy_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match="back-off"):
        Backoff(**wrong)


@pytest.mark.parametrize(
    ("topic", "partitions", "retention_s"), [("", 1, None), ("t", 0, None), ("t", 1, 0.0)]
)
def test_a_topic_out_of_range_is_refused(topic, partitions, retention_s):
    with pytest.raises(ValueError, match=r"topic|retention"):
        TopicSpec(topic, partitions, retention_s)
