# SPDX-License-Identifier: GPL-3.0-or-later
"""The body of a call."""

import asyncio

from starlette.requests import Request

_WITHIN = 10.0  # seconds


async def read_body(request: Request, most: int) -> bytes:
    """As much as is needed to see that it is too much.

    Args:
        most: bytes that are allowed.

    Raises:
        TimeoutError: it does not come to its end.
        starlette.requests.ClientDisconnect: the caller went.
    """
    body = b""
    async with asyncio.timeout(_WITHIN):
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                break
    return body
