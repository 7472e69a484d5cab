"""What is on a host, so that two moments of it can be compared."""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: What changes by itself on a host that does nothing.
_RESTLESS = ("/var/log", "/var/lib/systemd", "/run", "/tmp", "/var/tmp", "/var/lib/cloud", "/etc/machine-id", "/var/lib/chrony")


@dataclass(frozen=True)
class Entry:
    """A file, a folder, a link, or the mark of something that was removed."""

    kind: str
    mode: int
    uid: int
    gid: int
    modified: int
    content: str

    def __str__(self) -> str:
        return f"{self.kind} {self.mode:o} {self.uid}:{self.gid} {self.content[:12]}"


class Tree(dict[str, Entry]):
    """Paths on a host and what is there."""

    def without(self, *prefixes: str) -> "Tree":
        """The same without some folders."""
        return Tree({path: entry for path, entry in self.items() if not path.startswith(prefixes)})

    def calm(self) -> "Tree":
        """The same without what changes on a host that does nothing."""
        return self.without(*_RESTLESS)

    def changes_to(self, other: "Tree") -> list[str]:
        """One line for each path that is not the same in another tree; empty if nothing was written between the two."""
        return [
            f"{path}: {self.get(path, 'nothing')} -> {other.get(path, 'nothing')}"
            for path in sorted({*self, *other})
            if self.get(path) != other.get(path)
        ]


def tree_of(upper: Path, volumes: Mapping[str, Path]) -> Tree:
    """Reads the layer of a host's disk, and all of its volumes.

    Args:
        upper: The upper layer.
        volumes: Mount point -> where its files are seen.
    """
    tree = Tree()
    for mounted, root in [("", upper), *sorted(volumes.items())]:
        for folder, folders, files in os.walk(root):
            for name in [*folders, *files]:
                path = Path(folder, name)
                shown = f"{mounted}/{path.relative_to(root)}"
                try:
                    tree[shown] = _entry(path)
                except FileNotFoundError:
                    continue
    return tree


def _entry(path: Path) -> Entry:
    found = path.lstat()
    kind, content, modified = "file", "", found.st_mtime_ns
    if stat.S_ISLNK(found.st_mode):
        kind, content = "link", str(path.readlink())
    elif stat.S_ISDIR(found.st_mode):
        # A file that is written anew beside the old one changes its folder: told by the file itself.
        kind, modified = "folder", 0
    elif stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
        kind = "removed"
    elif stat.S_ISREG(found.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        kind = "special"
    return Entry(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, modified, content)
