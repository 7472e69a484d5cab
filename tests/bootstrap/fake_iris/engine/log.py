"""messages.log (Monitoring Guide 1.4.1), with lines as they are in instances that people have shown in public."""

import os
import time
from pathlib import Path


class Log:
    """An instance's messages log.

    Args:
        file: `messages.log`. Whoever writes first makes it, and owns it (SAG 25.3).
        also_print: Whether each message also goes to the standard output, as during `iris start`.
    """

    def __init__(self, file: Path, *, also_print: bool = False) -> None:
        self._file = file
        self._print = also_print

    def __call__(self, severity: int, text: str, source: str = "Utility.Event") -> None:
        """Writes a message.

        Args:
            severity: 0 information, 1 warning, 2 severe, 3 fatal.
            text: The message.
            source: Which part of the instance says it.
        """
        now = time.time()
        stamp = time.strftime("%m/%d/%y-%H:%M:%S", time.localtime(now)) + f":{int(now % 1 * 1000):03}"
        with self._file.open("a") as log:
            log.write(f"{stamp} ({os.getpid()}) {severity} [{source}] {text}\n")
        if self._print:
            print(text, flush=True)
