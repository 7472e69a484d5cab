"""The fake's ObjectScript does what scripts on hosts need, and refuses what it doesn't know."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.bootstrap.fake_iris.engine.objectscript import calls_event
from tests.bootstrap.fake_iris.engine.objectscript.interpreter import Interpreter, Leave
from tests.bootstrap.fake_iris.engine.objectscript.run import System
from tests.bootstrap.fake_iris.engine.objectscript.values import ScriptError

if TYPE_CHECKING:
    from tests.bootstrap.fake_iris.engine.server import Server

ROUTINE = """\
 ; A comment, and code that belongs to no label.
 quit
Sum(first,second=2) public {
	set result=0
	for i=first:1:second {
		continue:i=3
		set result=result+i
	}
	quit result
}
Call(name)
 do Tell(name)
 quit
Tell(name) // the old form of a label
 if name="" write "nobody" quit
 write "hello ",name
 quit
"""
ROWS = 'set rows=##class(%ResultSet).%New("SYS.Any:List") do rows.Execute() '
STATEMENT = 'set statement=##class(%SQL.Statement).%New(),status=statement.%PrepareClassQuery("SYS.Any","List") '
CLASS = """\
Class User.Tools Extends %RegisteredObject
{

ClassMethod Twice(value As %String, ByRef doubled As %String) As %Status
{
	set doubled=value_value
	quit 1
}

}
"""


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """What an instance would answer."""
    if request["op"] == "globals":
        code = {("routines", "TOOLS"): ROUTINE, ("classes", "User.Tools"): CLASS}
        return {"code": code.get((request["kind"], request["name"]))}
    if request["op"] == "query":
        return {"columns": ["Name", "State"], "rows": [["A", "up"], ["B", "down"]]}
    return {"error": f"<METHOD DOES NOT EXIST> *{request['method']},{request['class']}"}


@pytest.fixture
def run() -> Interpreter:
    system = System.__new__(System)
    system.user, system.scale = "irisowner", 0.0
    system._ask, system._routine = ask, ""
    return Interpreter(system, "%SYS")


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("write 1+2*3,!", "9\n"),  # strictly from left to right
        ('write "a"_"b"_1.50,"x"', "ab1.5x"),
        ('write "3 apples"+"2 pears"', "5"),
        ("write 7\\2,7#2,-7", "31-7"),
        ('set x="a^b^c" write $piece(x,"^",2),$length(x,"^"),$p(x,"^",2,3)', "b3b^c"),
        ('set list=$listbuild("a","b") write $listlength(list),$list(list,2),$lts(list,"-")', "2ba-b"),
        ('set a(1)="x",a("k")="y",key="" for { set key=$order(a(key)) quit:key=""  write key,"=",a(key),";" }', "1=x;k=y;"),
        ('if 1=1,2>1 { write "yes" } else { write "no" }', "yes"),
        ('if 1=2 { write "no" } elseif 2=2 { write "else" }', "else"),
        ('if 0 write "no"', ""),
        ('write $select(0:"a",1:"b"),$case(2,1:"x",2:"y",:"z")', "by"),
        ("for i=1:1:3 write i", "123"),
        ("set i=0 while i<3 { set i=i+1 write i }", "123"),
        ("set i=0 do { set i=i+1 write i } while i<2", "12"),
        ('write $get(nothing,"default"),$data(nothing)', "default0"),
        ("try { write missing } catch ex { write ex.Name,ex.Data }", "<UNDEFINED>*missing"),
        ('write:1=2 "no" write:1=1 "yes"', "yes"),
        ("write '1,'0,(1=1)&&(1=2),1||0", "0101"),
        ('set text="say ""hi""" write text', 'say "hi"'),
        ('write $zconvert("Ab","U"),$extract("abc",2,3),$translate("a-b","-"),$replace("aXb","X","--")', "ABbcaba--b"),
        ("write $system.Status.IsOK(1),$system.Status.IsError(0)", "11"),
        ('write $$Sum^TOOLS(1,4)', "7"),
        ('do Call^TOOLS("you")', "hello you"),
        ('do Tell^TOOLS("")', "nobody"),
        ('write ##class(User.Tools).Twice("ab",.result),result', "1abab"),
        (ROWS + 'while rows.Next() { write rows.Get("Name"),rows.State,";" }', "Aup;Bdown;"),
        (STATEMENT + 'set rows=statement.%Execute() do rows.%Next() write rows.%Get("State")', "up"),
        ("write $username,$namespace", "irisowner%SYS"),
        ('write "a" ; a comment', "a"),
    ],
)  # fmt: skip
def test_lines(run: Interpreter, capsys: pytest.CaptureFixture[str], line: str, written: str) -> None:
    run.line(line)
    assert capsys.readouterr().out == written


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("write missing", "<UNDEFINED> *missing"),
        ("do Nothing^TOOLS()", "<NOLINE> Nothing"),
        ("do Any^NOWHERE()", "<NOROUTINE> *NOWHERE"),
        ('do ##class(SYS.Mirror).NoSuchMethod("x")', "<METHOD DOES NOT EXIST> *NoSuchMethod,SYS.Mirror"),
        (ROWS + 'do rows.Next() write rows.Get("NoColumn")', "NoColumn"),
        ("write $nosuch(1)", "the fake knows no $nosuch"),
        ("foo bar", "unknown command foo"),
        ('write "not ended', "string not ended"),
        ("write (1", "')' expected"),
        ("set st=##class(%SQL.Statement).%New() do st.%Prepare(\"select 1\")", "class queries only"),
    ],
)  # fmt: skip
def test_what_is_refused(run: Interpreter, line: str, says: str) -> None:
    with pytest.raises(ScriptError) as refused:
        run.line(line)
    assert says in str(refused.value)


def test_classes_of_the_system_are_in_percent_sys_only(run: Interpreter) -> None:
    run.namespace = "USER"
    with pytest.raises(ScriptError, match=r"<CLASS DOES NOT EXIST> \*SYS\.Mirror"):
        run.line("write ##class(SYS.Mirror).IsFailoverReady()")


def test_halt_and_its_status(run: Interpreter) -> None:
    with pytest.raises(Leave) as left:
        run.line("do $system.Process.Terminate(,3)")
    assert (left.value.what, left.value.value) == ("halt", 3)


def test_the_text_of_a_routine(run: Interpreter, capsys: pytest.CaptureFixture[str]) -> None:
    run.line('for i=1:1 { set line=$text(+i^TOOLS) quit:line=""  write:line["Sum" i,line }')
    assert capsys.readouterr().out == "3Sum(first,second=2) public {"
    run.line("write $text(+1^NOWHERE)")
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "command", "written"),
    [
        ("", '"/bin/sh","-c","exit 3"', "3"),
        ('/STDOUT=""{0}"" /STDERR=""/dev/null""', '"/bin/echo","said"', "0"),
        ("", '"/not/there"', "-1"),
        ("/SHELL", '"exit","4"', "4"),
    ],
)
def test_programs(  # noqa: PLR0917
    run: Interpreter, capsys: pytest.CaptureFixture[str], tmp_path: Path, flags: str, command: str, written: str
) -> None:
    run.system.children = set()
    run.line(f'write $zf(-100,"{flags.format(tmp_path / "said")}",{command})')
    assert capsys.readouterr().out == written
    assert not flags.startswith("/STDOUT") or (tmp_path / "said").read_text() == "said\n"


def test_events_keep_what_nobody_waits_for_and_time_out() -> None:
    async def work() -> list[Any]:
        server = cast("Server", SimpleNamespace(events={}))
        call = calls_event.METHODS
        seen = [call["%SYSTEM.Event.Create"](server, "One"), call["%SYSTEM.Event.Create"](server, "One")]
        seen.append(call["%SYSTEM.Event.Signal"](server, "One", "early"))
        seen.append(await call["%SYSTEM.Event.WaitMsg"](server, "One", "0"))
        seen.append(await call["%SYSTEM.Event.WaitMsg"](server, "One", "0.01"))
        waiting = asyncio.ensure_future(call["%SYSTEM.Event.WaitMsg"](server, "One", "20"))
        await asyncio.sleep(0)
        seen.append(call["%SYSTEM.Event.Delete"](server, "One"))
        seen.append(await waiting)
        with pytest.raises(ScriptError, match=r"<UNDEFINED> \*One"):
            call["%SYSTEM.Event.Signal"](server, "One")
        return seen

    assert asyncio.run(work()) == ["1", "0", "1", ("1", "early"), ("0", ""), "1", ("-1", "")]
