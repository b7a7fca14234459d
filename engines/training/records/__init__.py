# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves: tables and logs, checkpoints to go on from, and weights.

- `run_records`, `log`: files, TensorBoard and progress bar; `waiting`: how long a GPU waits
- `checkpoint`: a run's whole state, to go on from
- `weights`: what training starts from and leaves; `prototype`: the form that they have in a file
"""
