"""Makes kits as InterSystems delivers them, with the fake inside."""

import io
import json
import platform
import secrets
import tarfile
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent
VERSION = "2025.1.0.223.0"


def make_kit(
    folder: Path,
    *,
    version: str = VERSION,
    system: str = "ubuntu2404",
    machine: str = "",
    product: str = "IRIS",
    extra: Mapping[str, bytes | Path] | None = None,
) -> Path:
    """Makes an installation kit.

    Args:
        folder: Where it goes.
        version: Its version.
        system: What it is for, as `ubuntu2404` or `rh9`. The installer refuses any other (UNIX 3.3).
        machine: `x64` or `arm64`. Default: this machine's.
        product: Name of the product.
        extra: More files: path below the kit's top folder -> content, or a file to take it from. Those from a file keep its
            mode, others are executable if they begin with `#!`.

    Returns:
        The file, `IRIS-version-lnxSYSTEM.tar.gz`.
    """
    media = f"lnx{system}{machine or _machine()}"
    top = f"{product}-{version}-{media}"
    file = folder / f"{top}.tar.gz"
    files: dict[str, bytes | Path] = {
        "irisinstall_silent": _program("irisinstall_silent"),
        # UNIX 8.1: packages below the folder of the script.
        "package/standard_install/manifest.isc": b"package: standard_install\nprerequisite: database_server\n",
        "kit.json": json.dumps({"version": version, "product": product, "platform": [media]}).encode(),
        **_engine(),
        **(extra or {}),
    }
    _pack(file, top, files, "w:gz")
    return file


def make_agent_kit(folder: Path, *, version: str = VERSION, system: str = "ubuntu2404", machine: str = "") -> Path:
    """Makes the kit of the ISCAgent alone (HA 4.3): `ISCAgent-version-lnxSYSTEM.tar` with `ISCAgent/agentinstall`.

    Args:
        folder: Where it goes.
        version: Its version.
        system: What it is for.
        machine: `x64` or `arm64`. Default: this machine's.
    """
    file = folder / f"ISCAgent-{version}-lnx{system}{machine or _machine()}.tar"
    _pack(file, "ISCAgent", {"agentinstall": _program("agentinstall"), **_engine()}, "w")
    return file


def _machine() -> str:
    return "arm64" if platform.machine() == "aarch64" else "x64"


def _program(name: str) -> bytes:
    return f'#!/bin/sh\nexec /usr/bin/python3 -I -B "$(cd "$(dirname "$0")" && pwd)/main.py" {name} "$@"\n'.encode()


def _engine() -> dict[str, bytes | Path]:
    names = ["main.py", *(str(path.relative_to(_HERE)) for path in sorted((_HERE / "engine").rglob("*.py")))]
    return {name: (_HERE / name).read_bytes() for name in names}


def _pack(file: Path, top: str, files: Mapping[str, bytes | Path], mode: str) -> None:
    # Several hosts are given the same kit at once, each of which makes it: nobody may see a half of one.
    new = file.with_name(f"{secrets.token_hex(8)}.new")
    with tarfile.open(new, mode) as tar:  # type: ignore[call-overload]
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(f"{top}/{name}")
            data = content.read_bytes() if isinstance(content, Path) else content
            entry.size = len(data)
            entry.mode = content.stat().st_mode & 0o777 if isinstance(content, Path) else 0o755 if data[:2] == b"#!" else 0o644
            tar.addfile(entry, io.BytesIO(data))
    new.replace(file)
