"""The product's own files."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("branch_node", "hq_server", "shared", "sync_protocol")


@cache
def modules() -> list[Path]:
    """Return every Python module of the product; revisions of the database are left out: they are history."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if not path.name[0].isdigit())


@cache
def tracked() -> list[Path]:
    """Return every file that git keeps, or would on the next `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted({ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def name_of(path: Path) -> str:
    """Return a path as people know it."""
    return str(path.relative_to(ROOT))
