# SPDX-License-Identifier: GPL-3.0-or-later
"""One verb of the command line a module, or a package; each has `add_options`.

- `loopback`, `tx`, `rx`, `replay`, `demo`: run a link; `tune`, `view`: at one that runs
- `campaign/`, `study/`, `eval/`: measure codecs, ask people, score models
- `train`, `engine/`: make models, and compile them
- `devices`, `doctor`, `grc`, `keys`: this machine
"""
