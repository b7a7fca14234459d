# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded queues between threads.

- `worker`: of pictures, with the thread that works on them
- `sample_queue`: of samples, between two flowgraphs
- `turnstile`: a lock that lets those in a hurry through first
"""
