"""Which partition a key belongs to: Kafka's own rule, so that every engine and every client agree.

Source: Austin Appleby's MurmurHash2 (public domain, 32 bits), with the seed and the mask of Apache Kafka's default partitioner.
"""

from typing import Final

_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """Hash bytes with 32-bit MurmurHash2 and Kafka's seed.

    Parameters
    ----------
    data
        Any bytes, taken as little-endian words of four.

    Returns
    -------
    int
        Unsigned, in [0, 2**32). Kafka's Java code shows the same bits as a signed number.
    """
    state = _SEED ^ len(data)
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        state = state * _M & _MASK ^ word
    if tail := data[whole:]:
        state = (state ^ int.from_bytes(tail, "little")) * _M & _MASK
    state = (state ^ state >> 13) * _M & _MASK
    return state ^ state >> 15


def partition_of(key: str, partitions: int) -> int:
    """Give the partition of a key.

    Parameters
    ----------
    key
        Hashed as UTF-8.
    partitions
        How many the topic has; at least 1.

    Returns
    -------
    int
        In [0, partitions).
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
