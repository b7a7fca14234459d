# SPDX-License-Identifier: GPL-3.0-or-later
"""The learned code, its weights, and the runtimes that execute it. No GNU Radio in here.

- `manifest`: a model folder (networks + `manifest.json`), shipped or the user's own
- `networks`, `onnx_weights`: the networks in torch, and the weights in an ONNX file
- `pictures/`: picture files of any kind as RGB, for every room
- `runtimes/`: what executes an ONNX network; one file per runtime
- `codecs/`: picture -> unit-power complex symbols -> picture
- `metrics/`: PSNR, MS-SSIM, LPIPS, DISTS, FID
- `evaluation/`: codecs and engines scored, verified and timed
- `training/`, `export/`: how models are made; a running link needs none of it

Import the module that you need; importing this package loads no runtime. Each wing imports only
those above it in this list.
"""
