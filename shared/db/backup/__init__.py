"""One file that holds a whole node, made while it runs, and a node made from such a file."""

from shared.db.backup.archive import BackupError, Manifest, read_manifest
from shared.db.backup.looking import Unpacked
from shared.db.backup.making import make_backup
from shared.db.backup.restoring import HomeNotEmptyError, Permit, restore_backup

__all__ = [
    "BackupError",
    "HomeNotEmptyError",
    "Manifest",
    "Permit",
    "Unpacked",
    "make_backup",
    "read_manifest",
    "restore_backup",
]
