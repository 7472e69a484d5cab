"""A stand-in for the Web Gateway and its kit: an Apache module, compiled here, and an installer."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


def _words(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@cache
def module() -> bytes:
    """The Apache module, for this machine's Apache."""
    made = Path(f"/tmp/csp-module-{os.getpid()}.so")
    headers = ["-I" + _words("apxs", "-q", "INCLUDEDIR")[0], *_words("apr-1-config", "--includes", "--cppflags")]
    try:
        command = ["gcc", "-Wall", "-Werror", "-O1", "-shared", "-fPIC", *headers, "-o", str(made), str(_HERE / "csp_module.c")]
        subprocess.run([*command, "-lssl", "-lcrypto"], check=True)
        return made.read_bytes()
    finally:
        made.unlink(missing_ok=True)


def files() -> dict[str, bytes]:
    """What a kit has of the Web Gateway: path below its top folder -> content."""
    return {
        "install/GatewayInstall": (_HERE / "GatewayInstall").read_bytes(),
        "platform/bin/CSPa24.so": module(),
        "platform/bin/CSPa24Sys.so": b"the management pages",
    }


def kit(content: Mapping[str, bytes]) -> bytes:
    """A kit of the Web Gateway alone, packed.

    Args:
        content: Its files, as `files` tells them.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in content.items():
            entry = tarfile.TarInfo(f"WebGateway-2025.1.0.223.0-lnxubuntu2404x64/{name}")
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, io.BytesIO(text))
    return packed.getvalue()
