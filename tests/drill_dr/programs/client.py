"""A client that goes by a name: writes numbered records wherever the name leads, one after the other, and tells how each went.

`client.py NAME ANSWERS REGIONS HOST PORT TTL`: ANSWERS is the file that `tests/drill_dr/names.py` keeps; REGIONS is JSON, the
name of a region's own endpoint -> its address. As a resolver does, it keeps an answer for TTL seconds. A line of JSON for each
attempt, as tests/drill/programs/writer.py has it, with `to`, the address.
"""

import json
import sys
import time
from pathlib import Path

from tests.drill.programs.writer import PAUSE_AFTER_FAILURE_SECONDS, PAUSE_SECONDS, Client


class Resolver:
    """Where a name leads, asked for anew when the answer has grown old."""

    def __init__(self, answers: str, regions: str, name: str, ttl: float) -> None:
        self._answers, self._regions, self._name, self._ttl = Path(answers), json.loads(regions), name, ttl
        self._kept, self._until = "", 0.0

    def address(self) -> str:
        """The address of the region that the name leads to."""
        if time.monotonic() >= self._until:
            self._kept = self._regions[json.loads(self._answers.read_text())[self._name]]
            self._until = time.monotonic() + self._ttl
        return self._kept


def main(name: str, answers: str, regions: str, host: str, port: str, ttl: str) -> None:  # noqa: PLR0917
    resolver, n = Resolver(answers, regions, host, float(ttl)), 0
    address, client = "", None
    while True:
        n += 1
        began = time.monotonic()
        said: dict[str, object] = {"n": n, "began": round(began, 6)}
        try:
            if client is None or (not client.is_connected and resolver.address() != address):
                address = resolver.address()
                client = Named(address, int(port))
            said["to"] = address
            said["number"] = client.write(f"{name}-{n}")
            pause = PAUSE_SECONDS
        except (OSError, KeyError, ValueError) as error:
            said["why"] = str(error)
            pause = PAUSE_AFTER_FAILURE_SECONDS
        said["ended"] = round(time.monotonic(), 6)
        print(json.dumps(said), flush=True)
        time.sleep(pause)


class Named(Client):
    """A client that says whether it has a connection: with one, it doesn't ask for its name again."""

    @property
    def is_connected(self) -> bool:
        return self._socket is not None


if __name__ == "__main__":
    main(*sys.argv[1:])
