"""Work side by side: what ends it, and that it ends."""

import threading

import pytest

from calibrant.pixels.threads import side_by_side, thread_count

PATIENCE_S = 60
MANY = range(5_000)


def test_a_process_that_was_told_how_many_threads_it_may_have_takes_no_more(monkeypatch):
    monkeypatch.setenv("CALIBRANT_THREADS", "3")
    assert (thread_count(None), thread_count(7)) == (3, 7)
    monkeypatch.setenv("CALIBRANT_THREADS", "0")
    with pytest.raises(ValueError, match="CALIBRANT_THREADS: 0"):
        thread_count(None)


@pytest.mark.parametrize("threads", [1, 3])
def test_results_are_in_the_order_of_the_items(threads):
    assert side_by_side(lambda item: item * item, range(50), threads) == [item * item for item in range(50)]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_is_raised(threads):
    def work(item):
        raise OSError(f"item {item}")

    with pytest.raises(OSError, match=r"item [0-9]+"):
        side_by_side(work, range(100), threads)


def test_an_interrupt_ends_it_once_what_has_begun_is_done():
    begun, ended, interrupted = [], [], threading.Event()

    def items():
        yield from MANY
        interrupted.set()
        raise KeyboardInterrupt

    def work(item):
        begun.append(item)
        assert interrupted.wait(PATIENCE_S)
        ended.append(item)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, items(), 2)
    assert sorted(begun) == sorted(ended)
    assert len(begun) < len(MANY)
