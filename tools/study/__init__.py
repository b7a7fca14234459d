# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast study`: people compare pictures in pairs; at which bandwidth are two codes equal?

    make --> plan --> schedule --> app --> answers --> analysis/
    folders, or       Latin        page/   SQLite      rule, scores, equality, power, report
    a campaign        square

plan      what is asked, of whom, about which pictures, and who is left out; fixed and hashed.
make      its pictures, from folders (`folders`, and `received` where a receiver wrote them) or a
          campaign's cells (`cells`).
consent   what is kept of an observer, in words.
ratios    whose bandwidth is compared with whose.
schedule  the trials of each observer.
names     what observers, trials and pictures are called outside: nothing can be read off it.
answers   every answer, the moment that it comes.
app       page and calls, behind the gate of `percast.tools.web`; `server` runs it.
messages  what an observer's page may send.
analysis/ what the answers say; `simulated` observers show it before anybody is asked.
config    the settings.

Starlette and uvicorn are loaded by what `server` imports within its functions only.
"""
