# SPDX-License-Identifier: GPL-3.0-or-later
"""What people type.

- `cli`: the command `percast VERB`; `verbs/`: one verb a module or package, which nothing else
  imports
- `settings`, `options`, `on_air`, `destination`: what several verbs do alike with their options
- `report`, `summaries`, `terminal`: what they print; `pages/`: HTML and its charts
- `loopback_run`: a run of the whole link; `process`: settings of a process that runs flowgraphs
- `controls/`: what can be changed while a link runs; `control`: questions to it from outside
- `view/`: the live page; `study/`: comparisons by people; `web/`: how both are served
- `campaign/`: measurement campaigns; `campaign_report/`: their page; `statistics/`: intervals
- `figures/`: makes the figures and pictures of the docs; `photographs`: of what

`_root/` is the package `percast` itself, which every room may import: settings and errors (with the
exit codes), quantities, the user's folders, signals, files that are locked or whole.
"""
