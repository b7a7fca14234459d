# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be changed on a running link: one table of verbs, `table.py`, of which the HTTP calls of
`--view`, their OpenAPI, the messages of `--control` and the options of `percast tune` are made.

    verb.py     what a verb is
    table.py    all of them
    link.py     the parts of a running link that verbs act on
    desk.py     takes what is asked, and has it done
    turns.py    one after the other, without holding up the loop that asks
    verbs/      one endpoint a file
"""
