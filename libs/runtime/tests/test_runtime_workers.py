"""Child processes: whole errors, replacement after death, nothing left when the parent goes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pytest_asyncio

from calibrant.bus.errors import PermanentError, TransientError
from calibrant.runtime import shares
from calibrant.runtime.limits import Limits, WorkerDied
from calibrant.runtime.objects import ObjectMissing
from calibrant.runtime.testing import probe_calls
from calibrant.runtime.testing.probe_calls import NeedsTwo
from calibrant.runtime.workers import Workers


@pytest_asyncio.fixture
async def workers():
    workers = Workers(1)
    yield workers
    workers.close()


def gone(pid):
    """Tell whether a process is no more; one that was killed and not yet looked after is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def until_gone(pids):
    end_s = time.monotonic() + 60
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < end_s, f"left over: {pids}"
        time.sleep(0.01)


@pytest.mark.asyncio
async def test_a_call_is_made_in_another_process_that_is_used_again(workers):
    first = await workers.run(os.getpid)
    assert first != os.getpid()
    assert await workers.run(os.getpid) == first
    assert await workers.run(probe_calls.signals) == ("SIG_IGN", "SIG_IGN")  # Ctrl-C is the parent's
    workers.close()
    assert gone(first)


@pytest.mark.asyncio
async def test_errors_keep_their_class_or_at_least_what_a_retry_would_do(workers):
    with pytest.raises(ObjectMissing, match=r"^objects:x is missing$"):
        await workers.run(probe_calls.fail, ObjectMissing("objects:x is missing"))
    with pytest.raises(ZeroDivisionError):
        await workers.run(probe_calls.divide, 1, 0)
    with pytest.raises(PermanentError, match=r"^NeedsTwo: one and two$"):
        await workers.run(probe_calls.fail_with_two, NeedsTwo)
    with pytest.raises(TransientError, match="Local"):
        await workers.run(probe_calls.fail_locally)
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        await workers.run(sys.exit, 3)
    before = await workers.run(os.getpid)
    assert await workers.run(os.getpid) == before  # none of these has cost the process


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("number", "said"), [(signal.SIGKILL, r"SIGKILL \(out of memory\?\)"), (signal.SIGSEGV, "SIGSEGV")]
)
async def test_a_process_that_dies_is_told_of_and_replaced(workers, number, said):
    first = await workers.run(os.getpid)
    with pytest.raises(WorkerDied, match=f"the worker process was ended by {said}"):
        await workers.run(probe_calls.kill_self, number)
    assert await workers.run(os.getpid) != first


@pytest.mark.asyncio
async def test_a_process_that_dies_idle_is_not_held_against_the_next_call(workers):
    first = await workers.run(os.getpid)
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(until_gone, [first])
    with contextlib.suppress(WorkerDied):  # it may be noticed by the call that comes in this very moment
        await workers.run(os.getpid)
    assert await workers.run(os.getpid) != first


@pytest.mark.asyncio
async def test_a_call_that_is_given_up_ends_its_process_and_frees_its_slot(workers, tmp_path):
    started = tmp_path / "pid"
    call = asyncio.create_task(workers.run(probe_calls.say_and_sleep, str(started)))
    async with asyncio.timeout(30):
        while not started.exists():  # noqa: ASYNC110  written by another process
            await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.to_thread(until_gone, [int(started.read_text())])
    async with asyncio.timeout(30):
        assert await workers.run(probe_calls.divide, 6, 3) == 2


@pytest.mark.asyncio
async def test_a_call_may_have_its_share_of_the_processors_as_far_as_its_memory_holds_threads(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(shares, "processors", lambda: 12)
    workers, ask = Workers(3), (os.getenv, shares.VARIABLE)
    started = tmp_path / "pid"
    try:
        assert await workers.run(*ask) == "12"
        other = asyncio.create_task(workers.run(probe_calls.say_and_sleep, str(started)))
        async with asyncio.timeout(30):
            while not started.exists():  # noqa: ASYNC110  written by another process
                await asyncio.sleep(0.01)
        assert await workers.run(*ask) == "6"
        assert await workers.run(*ask, limits=Limits(4 * shares.THREAD_BYTES)) == "2"
        assert await workers.run(*ask, limits=Limits(shares.THREAD_BYTES)) == "1"
        other.cancel()
        await asyncio.wait([other])
        assert await workers.run(*ask) == "12"
    finally:
        workers.close()


@pytest.mark.asyncio
async def test_calls_wait_for_a_free_process_and_modules_are_imported_ahead(workers):
    workers.start(["wave", "no_such_module"])
    workers.start(["colorsys"])
    results = await asyncio.gather(*(workers.run(probe_calls.divide, n, 1) for n in range(5)))
    assert results == [0, 1, 2, 3, 4]
    assert await workers.run(probe_calls.imported, "wave", "colorsys", "no_such_module") == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_its_parent(number, tmp_path):
    command = [sys.executable, "-m", "calibrant.runtime.testing.probe_calls", str(tmp_path / "pid")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.send_signal(number)
        assert parent.wait(30) == -number
    until_gone([child])
