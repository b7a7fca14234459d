# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned code, its weights, and the runtimes that execute it. No GNU Radio in here.

- `manifest`: a model folder (networks + `manifest.json`), shipped or the user's own
- `engine`: one call, `run({name: array}) -> {name: array}`, whatever runs underneath
- `codec`, `learned`: picture -> unit-power complex symbols -> picture
- `worker`: a bounded queue and a thread, to keep inference out of the sample stream
- `metrics`: PSNR, MS-SSIM, LPIPS
- `networks`, `prototype`, `export`: torch side, for making models; a running link needs none of it

Import the module that you need; importing this package loads no runtime.
"""
