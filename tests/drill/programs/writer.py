"""A client: writes numbered records through an endpoint, one after the other, and tells how each attempt went.

`writer.py NAME ADDRESS PORT`, standard library only. A line of JSON for each attempt:

    {"n": 17, "began": 1.0, "ended": 1.01, "number": 903}     acknowledged: record 903 is `NAME-17`
    {"n": 18, "began": 1.1, "ended": 2.1, "why": "timed out"}  not acknowledged: it may be there or not

Times are seconds of the monotonic clock, which all processes of a machine share. After a failure it connects anew and writes
the next number: what was not acknowledged is not repeated, so that each record has one place at most.
"""

import json
import socket
import sys
import time

#: As patient as a person's client may be: a packet to a host that is gone is answered by nobody.
CONNECT_SECONDS = 0.5
#: A primary that waits for its backup answers late.
ANSWER_SECONDS = 1.0
PAUSE_SECONDS = 0.1
PAUSE_AFTER_FAILURE_SECONDS = 0.05


class Client:
    """Connects when it has to."""

    def __init__(self, address: str, port: int) -> None:
        self._where = (address, port)
        self._socket: socket.socket | None = None
        self._unread = b""

    def write(self, value: str) -> int:
        """Writes a record, and returns its number.

        Raises:
            OSError: If it was not acknowledged.
        """
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._where, CONNECT_SECONDS)
                self._socket.settimeout(ANSWER_SECONDS)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._unread = b""
                self._socket.sendall(b"data\n")
            self._socket.sendall(f"SET {value}\n".encode())
            word, _, rest = self._line().partition(" ")
            if word != "OK":
                raise ConnectionError(f"{word} {rest}")
            return int(rest)
        except OSError:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            raise

    def _line(self) -> str:
        assert self._socket is not None
        while b"\n" not in self._unread:
            received = self._socket.recv(4096)
            if not received:
                raise ConnectionError("closed by the other end")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


def main(name: str, address: str, port: str) -> None:
    client, n = Client(address, int(port)), 0
    while True:
        n += 1
        began = time.monotonic()
        said: dict[str, object] = {"n": n, "began": round(began, 6)}
        try:
            said["number"] = client.write(f"{name}-{n}")
            pause = PAUSE_SECONDS
        except OSError as error:
            said["why"] = str(error)
            pause = PAUSE_AFTER_FAILURE_SECONDS
        said["ended"] = round(time.monotonic(), 6)
        print(json.dumps(said), flush=True)
        time.sleep(pause)


if __name__ == "__main__":
    main(*sys.argv[1:])
