# SPDX-License-Identifier: GPL-3.0-or-later
"""What people type.

- `cli`: the command `percast VERB`; `verbs/`: one verb a module or package
- `settings`, `options`, `on_air`: what several verbs do alike with their options
- `report`, `summaries`, `terminal`: what they print
- `control`: questions to a running transmitter or receiver
- `process`: settings of a process that runs flowgraphs
- `benchmark`, `benchmark_modem`, `side_by_side`, `contact_sheet`: figures and pictures for the docs

`_root/` is the package `percast` itself, which every room may import: settings and errors (with the
exit codes), quantities, the user's folders, signals.
"""
