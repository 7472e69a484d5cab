"""Reads a journal's records from a member: `reader.py ADDRESS FIRST`; a line each, from that number on."""

import socket
import sys


def main(address: str, first: str) -> None:
    with socket.create_connection((address, 1972), 5) as connection:
        connection.settimeout(30)
        file = connection.makefile("rwb")
        file.write(b"data\nLAST\n")
        file.flush()
        last = int(file.readline().split()[1])
        for start in range(int(first), last + 1, 500):
            numbers = range(start, min(start + 500, last + 1))
            file.write(b"".join(b"GET %d\n" % number for number in numbers))
            file.flush()
            for _ in numbers:
                line = file.readline().decode().rstrip("\n")
                if not line.startswith("OK "):
                    sys.exit(f"{address}: {line}")
                print(line.removeprefix("OK "))


if __name__ == "__main__":
    main(*sys.argv[1:])
