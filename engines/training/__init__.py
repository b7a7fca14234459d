# SPDX-License-Identifier: GPL-3.0-or-later
"""How the learned code is trained. Needs torch, but for `config` and `pictures`.

- `config`: one TOML file says everything about a run; presets tiny, base, mse, gpu, lite
- `pictures`, `crops`: a folder of images as one file, and random crops of it on host or GPU
- `link`: encoder -> `channel` -> generator as one differentiable module
- `losses`, `perceptual`, `discriminator`: what the receiver's picture is judged by
- `klt`, `grow`, `weights`: what training starts from, and what it leaves
- `muon`, `schedule`: how the weights move
- `step`: what a device does in one step; `replay`: on a GPU with a single launch
- `trainer`, with `start`, `adversary`, `validation`, `checkpoint`, `records`, `log`,
  `distributed`: the run

Every random draw of step n is a function of (seed, process, n) and of nothing before it (see
`seeds`), so a resumed run draws what an uninterrupted one would have drawn.
"""
