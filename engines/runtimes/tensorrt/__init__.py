# SPDX-License-Identifier: GPL-3.0-or-later
"""TensorRT and TensorRT-RTX on NVIDIA GPUs; plans can be built without one.

- `package`: the two packages that share one API; `nvidia`: the GPUs here, asked of their driver
- `fp16`, `build`: an ONNX network as a plan; `plans`: plans found in the cache, or built
- `load`, `engine`: a plan made ready and run, with `cuda` and `cuda_graph`
"""
