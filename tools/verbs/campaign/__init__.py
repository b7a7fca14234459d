# SPDX-License-Identifier: GPL-3.0-or-later
"""`percast campaign`."""

from percast.tools.verbs.campaign.command import add_options

__all__ = ["add_options"]
