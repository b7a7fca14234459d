# SPDX-License-Identifier: GPL-3.0-or-later
"""How the learned code is trained. Needs torch, but for `config` and `data/pictures`.

- `config`: one TOML file says everything about a run; presets tiny, base, mse, gpu, lite
- `data/`: a folder of images as one file, random crops of it on host or GPU, seeds of every draw
- `link`: encoder -> `channel` -> generator as one differentiable module
- `losses/`: what the receiver's picture is judged by
- `klt`, `grow`: what training starts from
- `muon`, `schedule`: how the weights move
- `step`: what a device does in one step; `replay`: on a GPU with a single launch
- `trainer`, with `start`, `validation`, `distributed`, `memory`: the run
- `records/`: what it leaves: tables and logs, checkpoints, weights

Every random draw of step n is a function of (seed, process, n) and of nothing before it (see
`data/seeds`), so a resumed run draws what an uninterrupted one would have drawn.
"""
