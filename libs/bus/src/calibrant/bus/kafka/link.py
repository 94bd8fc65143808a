"""One connection for questions: metadata, offsets, settings.

Owns connecting, and trying again for as long as a request may take. Must not know what is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NodeNotReadyError,
    NotCoordinatorForGroupError,
)
from aiokafka.protocol.api import Request

from calibrant.bus.errors import AccessDenied, BusUnavailable, CalibrantError
from calibrant.bus.kafka.failures import translate
from calibrant.bus.kafka.options import Options

_RETRY_S: Final = 0.1
_NOT_YET: Final = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    NotCoordinatorForGroupError,
)
"""What a broker answers that has just come up, or just been given groups to keep."""
Answer = TypeVar("Answer")


class Link:
    """Asks the brokers; opened by the first question.

    Parameters
    ----------
    options
        Where they are.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Connect, to learn now whether we are let in.

        Raises
        ------
        AccessDenied
            The password is wrong, or the broker is not the one its certificate should show.
        BusUnavailable
            No broker can be reached.
        """
        failure: Exception = BusUnavailable(f"no server is named in {self.options.servers!r}")
        arguments = self.options.client()
        for host, port, _ in collect_hosts(arguments.pop("bootstrap_servers")):
            try:
                connection = await create_conn(host, port, **arguments)
            except (KafkaError, OSError) as error:
                failure = _failure(error, f"{host}:{port}")
                if isinstance(failure, AccessDenied):
                    break
            else:
                await connection.close()
                return
        raise failure

    async def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ask(self, request: Request[Any], node: int | None = None) -> Any:
        """Send one request to one broker, any or the one named; give its answer or raise aiokafka's error."""
        client = await self._connected()
        target = client.get_random_node() if node is None else node
        if target is None:
            raise NodeNotReadyError
        try:
            return await client.send(target, request)
        except KafkaError:
            client.force_metadata_update()
            raise

    async def controller(self) -> int:
        """Name the broker that takes changes of topics."""
        client = await self._connected()
        broker = client.cluster.controller
        if broker is None:
            client.force_metadata_update()
            raise NodeNotReadyError
        number: int = broker.nodeId
        return number

    async def retried(
        self, doing: str, attempt: Callable[[], Awaitable[Answer]], *, not_yet_s: float = 0.0
    ) -> Answer:
        """Make attempts until one succeeds, fails for good, or a request's time is over.

        Parameters
        ----------
        doing
            What is attempted, for the error.
        attempt
            Asks; raises aiokafka's errors.
        not_yet_s
            How long the answer is waited for that groups are not kept yet, if longer, in seconds.

        Raises
        ------
        BusUnavailable, AccessDenied
            See `calibrant.bus.kafka.failures`.
        """
        begun_s = asyncio.get_running_loop().time()
        while True:
            try:
                return await attempt()
            except (KafkaError, OSError) as error:
                retriable = getattr(error, "retriable", True)
                patience_s = self.options.request_timeout_s
                if isinstance(error, _NOT_YET):
                    patience_s = max(patience_s, not_yet_s)
                if not retriable or asyncio.get_running_loop().time() - begun_s >= patience_s:
                    raise translate(error, doing) from error
            await asyncio.sleep(_RETRY_S)

    async def _connected(self) -> Any:
        async with self._opening:
            if self._client is None:
                client = AIOKafkaClient(**self.options.client())
                try:
                    await client.bootstrap()
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client


def _failure(error: KafkaError | OSError, place: str) -> CalibrantError:
    failure = translate(error, f"let us in at {place}")
    if not isinstance(failure, BusUnavailable):
        return failure
    said = str(error) or type(error).__name__
    return BusUnavailable(
        f"no Kafka broker answers at {place} ({said}): check the address of the log, that the broker runs there, "
        "and that this machine may reach it"
    )
