"""The program behind every command of the fake kit: `main.py NAME arguments`. It stands beside the engine, wherever that is
copied to.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))


def main() -> int:
    """Runs one of the programs."""
    name, *arguments = sys.argv[1:]
    if name == "iris":
        from engine.commands import main as run
    elif name == "irisinstall_silent":
        from engine.install import main as run
    elif name == "agentinstall":
        from engine.agent_install import main as run
    else:
        from engine.agent import main as run
    return run(arguments)


sys.exit(main())
