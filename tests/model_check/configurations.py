"""How large the worlds are that are explored: each has what another leaves out, all together stay within seconds."""

from typing import Any

# No write late, nothing handed out twice: then rest needs no tick of the reconciler. Deaths and refused writes without limit.
WITHOUT_TICKS: dict[str, dict[str, Any]] = {
    "two workers": {"workers": 2, "ticks": False, "flights": 0, "again": False},
    "three workers": {"workers": 3, "places": 1, "messages": 0, "ticks": False, "flights": 0, "again": False},
    "two workers, each call alone": {
        "workers": 2, "epochs": 2, "messages": 0, "ticks": False, "flights": 0, "again": False, "paged": True,
    },
}  # fmt: skip

# Late writes, repeated messages, one message with two runs, and the reconciler: as many faults as it says.
WITH_TICKS: dict[str, dict[str, Any]] = {
    "one run after the other, without limit": {"workers": 1},
    "two workers, any one fault": {"workers": 2, "faults": 1, "settled": True, "messages": 0},
    "two workers, any two faults": {"workers": 2, "faults": 2, "epochs": 2, "places": 1, "messages": 2},
    "three workers, any two faults": {
        "workers": 3, "faults": 2, "epochs": 2, "places": 1, "messages": 0, "settled": True,
    },
}  # fmt: skip

# `python -m tests.model_check`: minutes.
DEEP: dict[str, dict[str, Any]] = {
    "two workers, one fault, from nothing": {"workers": 2, "faults": 1},
    "two workers, two faults": {"workers": 2, "faults": 2, "settled": True, "messages": 0},
    "two workers, two faults, one place": {"workers": 2, "faults": 2, "places": 1},
    "three workers, one fault": {"workers": 3, "faults": 1, "places": 1, "messages": 0, "settled": True},
}
