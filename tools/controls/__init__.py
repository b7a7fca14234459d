# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be changed on a running link: one table of verbs, of which the HTTP calls of
`--view`, their OpenAPI, the messages of `--control` and the options of `percast tune` are made.

- `verb`: what a verb is; `table`: all of them; `verbs/`: one endpoint a file
- `link`: the parts of a running link that verbs act on
- `desk`: takes what is asked, and has it done
- `turns`: one after the other, without holding up the loop that asks
"""
