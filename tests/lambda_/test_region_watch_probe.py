"""What the region watch makes of members' answers: garbage, redirects, silence and slowness are no."""

from unittest import mock

import pytest

from tests.lambda_.region_watch_world import responder

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nSUCCESS"
ANSWERS = [
    (_OK, "primary"),
    (b"HTTP/1.0 200 OK\r\n\r\nSUCCESS\r\n", "primary"),
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\n\r\nFAILED", "not primary"),
    (b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\n\r\nFAILED", "not primary"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nFAILED", "unknown"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>SUCCESS</html>", "unknown"),
    (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 7\r\n\r\nSUCCESS", "unknown"),
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\nSUCCESS", "unknown"),
    (b"HTTP/1.1 404 Not Found\r\n\r\nFAILED", "unknown"),
    (b"SUCCESS", "unknown"),
    (b"\x00" * 5000, "unknown"),
    (b"HTTP/1.1 200 OK\r\n" + b"X-Long: y\r\n" * 1000 + b"\r\nSUCCESS", "unknown"),
    (b"", "unknown"),
    (b"HTTP/2 200 OK\r\n\r\nSUCCESS", "unknown"),
]


@pytest.mark.parametrize(("answer", "meaning"), ANSWERS)
def test_only_200_with_success_is_a_yes(answer: bytes, meaning: str) -> None:
    from region_watch import probe

    with responder(answer) as port:
        assert probe.ask("127.0.0.1", port, "/csp/bin/mirror_status.cxw") == meaning


def test_an_answer_in_pieces_is_an_answer() -> None:
    from region_watch import probe

    with responder(_OK[:9], _OK[9:30], _OK[30:], hang=True) as port:
        assert probe.ask("127.0.0.1", port, "/") == "primary"


@pytest.mark.parametrize("parts", [[], [_OK[:-1]]], ids=["nothing", "all but the last letter"])
def test_who_hangs_says_nothing(parts: list[bytes]) -> None:
    from region_watch import probe

    with responder(*parts, hang=True) as port:
        assert probe.ask("127.0.0.1", port, "/", seconds=0.2) == "unknown"


@pytest.mark.parametrize("parts", [[_OK], [_OK[at : at + 1] for at in range(len(_OK))]], ids=["late", "letter by letter"])
def test_an_answer_that_comes_too_late_is_none(parts: list[bytes]) -> None:
    """Each part comes within the time that all of it may take, or all of it after that time: what counts is the whole."""
    from region_watch import probe

    with responder(*parts, pause=0.5 if len(parts) == 1 else 0.05) as port:
        assert probe.ask("127.0.0.1", port, "/", seconds=0.2) == "unknown"


def test_members_are_asked_at_the_same_time() -> None:
    """Each waits for the others to be asked, too."""
    import threading

    from region_watch import probe

    together = threading.Barrier(4, timeout=10)

    def ask(address: str, _port: int, _path: str) -> str:
        together.wait()
        return f"asked {address}"

    with mock.patch.object(probe, "ask", ask):
        assert probe.ask_all({"a": "1", "b": "2", "c": "3", "d": "4"}, 1, "/") == {
            "a": "asked 1",
            "b": "asked 2",
            "c": "asked 3",
            "d": "asked 4",
        }
