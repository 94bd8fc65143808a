import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibrant.bus.partitioner import murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "signed"),  # published with Apache Kafka's own test of its hash
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_kafkas(data, signed):
    assert murmur2(data) == signed & 0xFFFFFFFF


def test_a_partition_is_the_positive_hash_modulo_the_count():
    # The sign bit is masked off, not negated: -973932308 & 0x7fffffff = 1173551340.
    assert partition_of("21", 64) == 1173551340 % 64


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 1000))
def test_a_partition_is_within_the_count(key, partitions):
    assert 0 <= partition_of(key, partitions) < partitions
