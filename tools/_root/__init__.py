# SPDX-License-Identifier: GPL-3.0-or-later
"""percast: real-time perceptual image transmission over software-defined radio.

The package itself is what every room may import:

- `errors`: what a user can cause, with exit codes
- `settings`: settings as flags and in files; `quantity`: numbers as radio people type them
- `home`: the user's folders; `signals`: those that end a run
- `file_lock`: one writer at a time; `whole_file`: written whole or not at all
- `ipc`: sockets that are paths, without loss of what lies there
"""

__version__ = "0.1.0"
