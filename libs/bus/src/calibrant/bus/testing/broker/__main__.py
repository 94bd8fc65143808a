"""``python -m calibrant.bus.testing.broker``: a broker in the foreground, until Ctrl-C. For trying out only."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from calibrant.bus.testing.broker import Broker, BrokerFailed, missing
from calibrant.bus.testing.broker.ports import PortTaken, require_free


def main(port: int, data: Path | None) -> int:
    """Run a broker until it is interrupted or ends; what it forgets is kept when it fails, with its log."""
    if lack := missing():
        sys.stderr.write(f"error: {lack}; install Java 17 and Maven, then run .ci/servers\n")
        return 1
    try:
        require_free(port)
        folder = data or Path(tempfile.mkdtemp(prefix="calibrant-kafka-"))
        with Broker(folder, port=port) as broker:
            sys.stdout.write("Kafka is there; Ctrl-C ends it. Where Calibrant is to use it:\n")
            sys.stdout.write(f"export CALIBRANT_BUS=kafka://{broker.servers}\n")
            sys.stdout.flush()
            code, log = broker.wait(), broker.log
    except (PortTaken, BrokerFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)
        return 130
    sys.stderr.write(f"error: Kafka ended by itself with exit code {code}; its log: {log}\n")
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run Apache Kafka on the loopback until interrupted.")
    parser.add_argument("--port", type=int, default=9092, help="port for clients (9092)")
    parser.add_argument("--data", type=Path, help="folder with its data; by default a temporary one")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(**vars(parser.parse_args())))
