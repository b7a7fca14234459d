# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast eval`.

- `command`: the verb; `config`: its settings
- `results`: what it leaves behind, with its `plots`
"""

from percast.tools.verbs.eval.command import add_options

__all__ = ["add_options"]
