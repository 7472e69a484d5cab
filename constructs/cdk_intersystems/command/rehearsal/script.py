"""What the clone does when it starts: it promotes itself, and tells on its console. Pure.

It has no role and no network, so nothing can be asked of it and it can ask nobody: its user data is all that it is told, and
its serial console all that it says. Whatever becomes of the command, the clone switches itself off, which deletes it.
"""

import json
import re
from typing import Any, Final

#: The longest that a clone lives, in minutes, whoever forgets it: it is deleted when it switches itself off.
LIFE_MINUTES: Final = 240

#: What would make the clone what its original is: it would only wait for a network that isn't there.
_NOT_HERE: Final = (
    *("cdk-host", "cdk-host-authorize", "cdk-host-discover", "cdk-host-renew", "iris-call-out"),
    # What waits for that network: each would hold up IRIS for minutes.
    *("systemd-networkd-wait-online", "NetworkManager-wait-online"),
)

#: Runs so early that nobody but systemd itself can be asked: no logind, which plans a shutdown. And it waits for nothing, since
#: what it starts begins when it is over. The units that are left out have their files in /etc, where a mask below /run has no
#: effect; an addition to each has.
_EARLY: Final = """\
life=$1 units=/run/systemd/system
shift
mkdir -p "$units" && cd "$units" || exit
printf '[Timer]\\nOnActiveSec=%s\\n' "$life" >rehearsal-ends.timer
printf '[Service]\\nExecStart=/usr/bin/systemctl poweroff --force\\n' >rehearsal-ends.service
for unit; do
  mkdir -p "$unit.d"
  printf '[Unit]\\nConditionPathExists=/nowhere\\n' >"$unit.d/rehearsal.conf"
done
systemctl daemon-reload
systemctl start --no-block rehearsal-ends.timer
"""

_MARK: Final = "CDK-INTERSYSTEMS-REHEARSAL"
_LONGEST: Final = 2000

_SCRIPT: Final = """\
set -uo pipefail
id=$1 console=${CONSOLE:-/dev/console}
region=${IRIS_REGION:-/usr/local/sbin/iris-region} run=${RUN_DIRECTORY:-/run/cdk-intersystems}
now() { date +%s%3N; }
say() { printf '\\n%s %s %s\\n' MARK "$id" "$1" >"$console"; }
fail() {
  local why
  why=$(printf '%s' "$2" | tr -c '[:alnum:] .,:()_-' ' ' | head -c 300)
  say "{\\"ok\\": false, \\"step\\": \\"$1\\", \\"why\\": \\"$why\\"}"
  exit 1
}
booted=$(now)
# What tells that the host was made ready, which the clone's original was.
mkdir -p "$run" && touch "$run/prepared-for-iris"
systemctl start iris.service || fail start "iris.service did not start"
started=$(now)
# Each try may take half a minute. The command waits longer than this, so that it is told why.
until=$((SECONDS + ${PATIENCE:-1800}))
while :; do
  answer=$("$region" promote --partner none --promotion "$id" 2>/dev/null)
  code=$?
  [ "$code" = 3 ] && fail promote "$answer"
  [ "$code" = 0 ] && case $answer in *'"done": true'*) break ;; esac
  [ "$SECONDS" -ge "$until" ] && fail promote "not promoted in time: $answer"
  sleep "${PAUSE:-2}"
done
while :; do
  case $("$region" await-primary 2>/dev/null) in
    *'"done": true'*)
      say "{\\"ok\\": true, \\"booted\\": $booted, \\"started\\": $started, \\"primary\\": $(now)}"
      exit 0
      ;;
  esac
  [ "$SECONDS" -ge "$until" ] && fail await_primary "it did not become primary in time: $answer"
  sleep "${PAUSE:-2}"
done
""".replace("MARK", _MARK)


def script() -> str:
    """The script, whose argument is the rehearsal's id."""
    return _SCRIPT


def user_data(id: str) -> str:
    """The clone's user data: a configuration of cloud-init, which a JSON object is.

    Args:
        id: The rehearsal's id.
    """
    units = [f"{name}.service" for name in _NOT_HERE]
    config = {
        "bootcmd": [["sh", "-c", _EARLY, "sh", f"{LIFE_MINUTES}min", *units]],
        "runcmd": [["bash", "-c", _SCRIPT, "rehearsal", id]],
    }
    return f"#cloud-config\n{json.dumps(config)}\n"


def said(console: str, id: str) -> dict[str, Any] | None:
    """What a clone has said of its rehearsal; None if it hasn't yet.

    Args:
        console: What stands on its console: nothing there is trusted further than that.
        id: The rehearsal's id.
    """
    found = re.findall(rf"^{_MARK} {re.escape(id)} (\{{.{{1,{_LONGEST}}}\}})\s*$", console, flags=re.MULTILINE)
    for text in reversed(found):
        try:
            answer = json.loads(text)
        except ValueError:
            continue
        if isinstance(answer, dict) and isinstance(answer.get("ok"), bool):
            return answer
    return None
