"""``python -m calibrant.bus.testing.broker``: a broker in the foreground, until Ctrl-C. For trying out only."""

import argparse
import sys
from pathlib import Path

from calibrant.bus.testing.broker import Broker, BrokerFailed, missing


def main(port: int, data: Path) -> int:
    """Run a broker until it is interrupted or ends."""
    if lack := missing():
        sys.stderr.write(f"error: {lack}; install Java 17 and Maven, then run .ci/servers\n")
        return 1
    try:
        with Broker(data, port=port) as broker:
            sys.stdout.write(f"kafka://{broker.servers} is up, its data are in {data}; Ctrl-C stops it\n")
            sys.stdout.flush()
            return broker.wait()
    except BrokerFailed as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run Apache Kafka on the loopback until interrupted.")
    parser.add_argument("--port", type=int, default=9092, help="port for clients (9092)")
    parser.add_argument(
        "--data", type=Path, default=Path("calibrant-data/kafka"), help="folder (calibrant-data/kafka)"
    )
    sys.exit(main(**vars(parser.parse_args())))
