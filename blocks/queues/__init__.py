# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded queues between threads: of pictures, with a worker thread, and of samples."""
