# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned code, its weights, and the runtimes that execute it. No GNU Radio in here.

- `manifest`: a model folder (networks + `manifest.json`), shipped or the user's own
- `engine`: one call, `run({name: array}) -> {name: array}`, whatever runs underneath
- `runtime_*`: what runs underneath; `plan_cache` keeps what was compiled for it
- `verify`, `bench`: whether all engines compute the same, and how fast
- `codec`, `learned`: picture -> unit-power complex symbols -> picture
- `worker`: a bounded queue and a thread, to keep inference out of the sample stream
- `metrics`: PSNR, MS-SSIM, LPIPS, DISTS, FID
- `evaluation`, `symbol_channel`: a codec scored over rate x SNR x realism
- `networks`, `prototype`, `export`: torch side, for making models; a running link needs none of it

Import the module that you need; importing this package loads no runtime.
"""
