"""Whether a cluster answers at an address, before a client hangs on it."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

PATIENCE = 10.0  # seconds for a cluster to answer, and to have a worker


def knock(scheduler: str) -> None:
    """Look whether there is anybody, for which ray would take minutes.

    Raises ValueError for what is no address. Raises RuntimeError if nobody is
    there.
    """
    place = urlsplit(scheduler if "://" in scheduler else f"//{scheduler}")
    try:
        address = place.hostname or "", int(place.port)
    except (TypeError, ValueError):
        raise ValueError(
            f"{scheduler} is no address of a scheduler, such as "
            "tcp://10.0.0.1:8786"
        ) from None
    try:
        socket.create_connection(address, PATIENCE).close()
    except OSError as error:
        raise no_answer(scheduler, error) from None


def ask_dask(scheduler: str) -> None:
    """Look whether it is a dask scheduler; a client would wait for ever.

    Raises RuntimeError if it is none.
    """
    from distributed import Security
    from distributed.core import rpc

    how = Security().get_connection_args("client")

    async def ask():
        async with rpc(scheduler, connection_args=how) as there:
            await asyncio.wait_for(there.identity(), PATIENCE)

    try:
        with ThreadPoolExecutor(1) as pool:  # a notebook has its own loop
            pool.submit(asyncio.run, ask()).result()
    except TimeoutError:
        reason = "what is there speaks no dask"
        raise no_answer(scheduler, reason) from None
    except (OSError, TypeError, ValueError) as error:
        raise no_answer(scheduler, error) from None


def no_answer(scheduler: str, error: object) -> RuntimeError:
    """The error that says so."""
    return RuntimeError(
        f"no scheduler answers at {scheduler} ({first_line(error)}): start "
        "one there, or correct the address"
    )


def first_line(error: object) -> str:
    """What an error says, without what it adds."""
    return str(error).strip().partition("\n")[0]
