"""Where Kafka's jars are, and the command lines that run them.

Owns the version and the folder; ``.ci/servers`` reads the version here and fills the folder.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

VERSION: Final = "4.1.1"
_QUICK: Final = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:disable")


def folder() -> Path:
    """Give the folder of the jars: ``CALIBRANT_KAFKA``, or one in the user's cache."""
    named = os.environ.get("CALIBRANT_KAFKA")
    return Path(named) if named else Path.home() / ".cache" / "calibrant" / f"kafka-{VERSION}"


def archive() -> Path:
    """Give the file with the broker's classes, laid out as they are in memory; see `calibrant.bus.testing.broker.archive`."""
    return folder() / "classes.jsa"


def missing() -> str:
    """Tell in one line what a broker lacks here; empty when it can be started."""
    if shutil.which("java") is None:
        return "no Kafka: there is no java in the PATH"
    if not (folder() / f"kafka_2.13-{VERSION}.jar").is_file():
        return f"no Kafka: there are no jars of version {VERSION} in {folder()}"
    return ""


def java(main: str, *arguments: str, log_level: str = "ERROR") -> list[str]:
    """Give the command line that runs one of Kafka's classes; made to start soon rather than to run fast."""
    shared = [f"-XX:SharedArchiveFile={archive()}"] if archive().is_file() else []
    level = f"-Dlog4j2.level={log_level}"
    return ["java", *_QUICK, *shared, level, "-cp", f"{folder()}/*", main, *arguments]


def run_tool(main: str, *arguments: str) -> str:
    """Run one of Kafka's tools to its end and give what it says.

    Raises
    ------
    RuntimeError
        It failed; the text is what it said.
    """
    done = subprocess.run(  # noqa: S603  the classes are named by the code
        java(main, *arguments), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{main} failed: {done.stderr.strip()}\n{done.stdout.strip()}")
    return done.stdout
