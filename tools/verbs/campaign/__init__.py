# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign`.

- `command`: its verbs; `config`: their settings
- `run`, `resume`, `status`, `end`, `remetric`, `export`, `report`: one verb each
"""

from percast.tools.verbs.campaign.command import add_options

__all__ = ["add_options"]
