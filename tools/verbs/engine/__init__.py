# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast engine`.

- `command`: its verbs; `config`: their settings
- `build`: makes engines; `check`: verifies and times them, on the photographs of `pictures`
"""

from percast.tools.verbs.engine.command import add_options

__all__ = ["add_options"]
