"""The Amazon Time Sync Service of the lab: an NTP server at its address, with this machine's time."""

import socket
import struct
import threading
import time

from tests.bootstrap.lab.namespaces import Keeper, sockets_of
from tests.bootstrap.lab.network import Switch

ADDRESS = "169.254.169.123"
# By which it finds the way back to the hosts.
_OWN_ADDRESS = "10.20.255.253"
# Seconds from 1900, where NTP begins to count, to 1970.
_NTP_EPOCH = 2_208_988_800
_SERVER, _VERSION = 4, 4


class TimeSource:
    """Answers NTP requests.

    Attributes:
        answers: Whether it does.
        ahead: By how many seconds its time is ahead of this machine's, and so of the hosts'.
    """

    def __init__(self, switch: Switch) -> None:
        self.answers = True
        self.ahead = 0.0
        self._network = Keeper()
        switch.plug(self._network, _OWN_ADDRESS, ADDRESS)
        with sockets_of(self._network):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ADDRESS, 123))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                request, client = self._socket.recvfrom(512)
                if self.answers and len(request) >= 48:
                    self._socket.sendto(self._answer(request), client)
            except OSError:
                return

    def _answer(self, request: bytes) -> bytes:
        """A packet as RFC 5905 has it, figure 8: stratum 1, with the client's time of sending put back."""
        now = self._now()
        head = struct.pack("!BBbbII4s", _VERSION << 3 | _SERVER, 1, 4, -20, 0, 0, b"LAB\0")
        return head + now + request[40:48] + now + self._now()

    def _now(self) -> bytes:
        seconds = time.time() + self.ahead + _NTP_EPOCH
        return struct.pack("!II", int(seconds), int(seconds % 1 * 2**32))

    def remove(self) -> None:
        self._socket.close()
        self._network.stop()
