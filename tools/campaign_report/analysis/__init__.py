# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of a campaign, each with its interval and its cells.

- `whole`: all of them
- `conditions`: what a row was measured under; `measured`: rows as sums of each picture
- `means`, `lost`: metrics, and what a lost picture counts
- `savings`: bandwidth at equal quality
- `link`: latency and health over time
- `examples`: pictures to look at; `sets`: FID and KID
- `changes`: this campaign and another
- `origin`: where a number comes from
"""
