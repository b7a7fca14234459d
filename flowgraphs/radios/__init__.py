# SPDX-License-Identifier: GPL-3.0-or-later
"""One module per driver; `percast.flowgraphs.radios.factory` chooses."""
