# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast study`.

- `command`: its verbs
- `make`, `serve`, `analyse`, `simulate`: one verb each
"""

from percast.tools.verbs.study.command import add_options

__all__ = ["add_options"]
