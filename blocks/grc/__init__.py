# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks in gnuradio-companion: their descriptions (YAML), and what those call (`support`)."""
