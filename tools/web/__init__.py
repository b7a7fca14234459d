# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page of ours needs to be served: the live page of a link, and a study.

gate     Host, Origin and token, before anything else.
limits   how much may be asked, and counts of what was refused.
body     of a call, no longer and no slower than it may be.
server   an ASGI application in a thread with a loop of its own.

Starlette and uvicorn are loaded by `gate`, `body` and `server` (within its functions) only; whoever
imports them does it within `server.needing`, so that a missing package is told in one line.
"""
