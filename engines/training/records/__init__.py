# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves: tables and logs, checkpoints to go on from, and weights."""
