"""What each engine says of itself, now: SGLang's `/v1/loads`.

Its gauges in Prometheus may be half a minute old, so queues and running requests are asked for
directly.
"""

import asyncio
import json
from collections.abc import Mapping
from enum import StrEnum

from aiohttp import ClientError, ClientSession, ClientTimeout

from pd_operator.scaling.observation import EngineLoad, Known, Reading, Unknown
from pd_operator.telemetry.engine_load import NonsenseError, parse_load

MAXIMUM_BYTES = 1 << 20
"""An engine of 64 ranks tells some 50 kB."""

MAXIMUM_AT_ONCE = 32


class EngineFault(StrEnum):
    """Why an engine's load is not known."""

    UNREACHABLE = "EngineUnreachable"
    TIMEOUT = "EngineTimeout"
    REFUSED = "EngineRefused"
    NONSENSE = "EngineNonsense"


async def read_load(
    session: ClientSession, base_url: str, timeout_seconds: float
) -> Reading[EngineLoad]:
    """The load of one engine, all its data-parallel ranks together. Raises nothing."""
    url = f"{base_url}/v1/loads"
    try:
        async with session.get(url, timeout=ClientTimeout(total=timeout_seconds)) as response:
            if response.status != 200:
                return _unknown(EngineFault.REFUSED, url, f"answered {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > MAXIMUM_BYTES:
                    return _unknown(
                        EngineFault.NONSENSE, url, f"answers more than {MAXIMUM_BYTES} bytes"
                    )
        load, age_seconds = parse_load(json.loads(body, parse_constant=_refuse))
    except TimeoutError:
        return _unknown(EngineFault.TIMEOUT, url, f"did not answer within {timeout_seconds:g} s")
    except (ClientError, OSError) as error:
        return _unknown(EngineFault.UNREACHABLE, url, f"does not answer: {error}")
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, NonsenseError) else f"is no JSON: {error}"
        return _unknown(EngineFault.NONSENSE, url, said)
    return Known(load, age_seconds, url)


async def read_loads(
    session: ClientSession, base_urls: Mapping[str, str], timeout_seconds: float
) -> dict[str, Reading[EngineLoad]]:
    """The load of each engine by worker name, at most `MAXIMUM_AT_ONCE` asked at a time."""
    gate = asyncio.Semaphore(MAXIMUM_AT_ONCE)

    async def read(base_url: str) -> Reading[EngineLoad]:
        async with gate:
            return await read_load(session, base_url, timeout_seconds)

    loads = await asyncio.gather(*map(read, base_urls.values()))
    return dict(zip(base_urls, loads, strict=True))


def _unknown(fault: EngineFault, url: str, what: str) -> Unknown:
    return Unknown(fault.value, url, f"{url} {what}")


def _refuse(constant: str) -> float:
    raise NonsenseError(f"tells {constant} where a number belongs")
