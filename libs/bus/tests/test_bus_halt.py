"""Processes brought to a standstill: nothing of them runs once that was said."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from calibrant.bus.testing.halt import halt

BUSY = """
import threading
def work():
    while True: pass
for _ in range(7):
    threading.Thread(target=work, daemon=True).start()
print(flush=True)
work()
"""


def states(process):
    return {
        told.read_text().rpartition(")")[2].split()[0]
        for told in Path(f"/proc/{process}/task").glob("*/stat")
    }


def test_every_thread_stands_still_when_it_returns():
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as busy:
        try:
            busy.stdout.readline()
            for _ in range(20):
                halt(busy.pid)
                assert states(busy.pid) == {"T"}
                busy.send_signal(signal.SIGCONT)
        finally:
            busy.kill()


def test_processes_that_have_ended_are_passed_over():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        halt(ended.pid)
    halt(ended.pid)
