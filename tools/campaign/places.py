# SPDX-License-Identifier: GPL-3.0-or-later
"""Where plans and stores lie."""

from datetime import UTC, datetime
from pathlib import Path

from percast.errors import FileError, UsageError

PLANS = Path(__file__).parent / "plans"
SUFFIX = ".sqlite"


def shipped_plans() -> list[str]:
    """Names of the plans that come with percast."""
    return sorted(path.stem for path in PLANS.glob("*.toml"))


def find_plan(name: str) -> Path:
    """The file of a plan: a path, or the name of one that comes with percast.

    Raises:
        UsageError: there is no such plan.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        if not path.is_file():
            raise UsageError(f"plan {name}: there is no such file")
        return path
    if name in shipped_plans():
        return PLANS / f"{name}.toml"
    known = ", ".join(shipped_plans())
    raise UsageError(f"there is no plan '{name}': give a file PLAN.toml, or one of {known}")


def new_store(plan: str, folder: Path | None = None) -> Path:
    """Where a run of a plan writes if it is not told: `<plan>-<UTC date-time>.sqlite`."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return (folder or Path()) / f"{plan}-{now}{SUFFIX}"


def newest_store(folder: Path | None = None) -> Path:
    """The store that was written to last.

    Raises:
        FileError: there is none.
    """
    folder = folder or Path()
    stores = [path for path in folder.glob(f"*{SUFFIX}") if path.is_file()]
    if not stores:
        where = "here" if folder == Path() else f"in {folder}"
        raise FileError(f"there is no campaign {where} (*{SUFFIX}): `percast campaign run quick`")
    return max(stores, key=_written)


def _written(path: Path) -> float:
    """When, seconds; what is written last lies in the journal beside it."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return max(file.stat().st_mtime for file in files if file.exists())
