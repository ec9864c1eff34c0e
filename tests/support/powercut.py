"""A small disk whose power can be cut: a loop-mounted file system that forgets what was not written out.

The cut is ext4's own shutdown without a last flush of its journal: whatever was not on the disk by then is gone,
and nothing more can be written, exactly as when a machine goes dark.
"""

import fcntl
import os
import struct
import subprocess
from pathlib import Path
from typing import Final

from tests.support import groups

# EXT4_IOC_SHUTDOWN and its flag that says: do not write the journal out first.
SHUTDOWN: Final = 0x8004587D
WITHOUT_FLUSH: Final = 2
# A node wants room to spare: its reserve, what it refuses writes below, and a journal of the database between them.
SIZE_MB: Final = 512


class CutDisk:
    """An ext4 file system in a file, mounted at `folder`."""

    def __init__(self, image: Path, folder: Path) -> None:
        """Make and mount it; the test is not run where that is not allowed."""
        self.folder = folder
        self._image = image
        if os.geteuid() != 0:
            groups.not_run("power-cut", "mounting a file system in a file needs root")
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(SIZE_MB * 2**20)
        for command in (("mkfs.ext4", "-q", "-F", str(image)), self._mount):
            try:
                subprocess.run(command, check=True, capture_output=True, text=True)
            except (OSError, subprocess.CalledProcessError) as error:
                groups.not_run("power-cut", f"{command[0]} does not work here: {error}")

    @property
    def _mount(self) -> tuple[str, ...]:
        return ("mount", "-o", "loop", str(self._image), str(self.folder))

    def cut(self) -> None:
        """Let the power fail: nothing gets onto the disk any more."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(descriptor)

    def power_on(self) -> None:
        """Mount what got onto the disk; nobody may have a file of it open."""
        self.close()
        subprocess.run(self._mount, check=True)

    def close(self) -> None:
        """Take the disk away."""
        subprocess.run(("umount", str(self.folder)), check=True)
