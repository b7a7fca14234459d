# SPDX-License-Identifier: GPL-3.0-or-later
"""`--view`: a page that shows a running link, and acts on it.

    blocks --hooks--> taps --> live --> hub --> clients' mailboxes --> page/
                        ^                                               |
                        +------------- controls <-- app <-- gate <------+

taps      hold references to what the blocks made last; nothing is computed there.
live      makes messages of it, only while somebody looks, and never takes a tenth of a core.
hub       one mailbox per client, newest message of each kind: a slow client skips, nobody waits.
messages  what travels between page and link; what may be asked of it is `percast.tools.controls`.
shown     a received picture as a page shows it.
app       the addresses; `openapi` describes the calls among them.
server    all of it, by `percast.tools.web`, whose gate everybody passes first.

hooks     let several look into one block; `air` is the demodulator's.
windows   the same in GNU Radio's own windows: `--qt`.
remote/   the same page of a link in another process: `percast view --connect`.
config    the settings.

Starlette and uvicorn are loaded by what `server` imports within its functions only, when `--view`
asks for them.
"""
