"""The fake reads configuration files and actions as the Configuration Parameter File Reference says."""

import pytest

from tests.bootstrap.fake_iris.engine.actions import ORDER, parse
from tests.bootstrap.fake_iris.engine.cpf import Document
from tests.bootstrap.fake_iris.engine.installation import IrisError
from tests.bootstrap.fake_iris.engine.memory import shared_memory_mb
from tests.bootstrap.fake_iris.engine.mirror_config import Entry, MirrorConfig, load
from tests.bootstrap.fake_iris.engine.parameters import DEFAULT_CPF
from tests.bootstrap.fake_iris.engine.security import hashed, matches

CPF = DEFAULT_CPF.format(version="2025.1", mgr="/irissys/sys/mgr", port=1972)


def test_merging_replaces_and_adds() -> None:
    document = Document(CPF)
    document.merge(Document("[Config]\nmaxservers=9\n[ECPServers]\nDATA=10.0.0.1,1972,1\n"))

    assert document.get("config", "MaxServers") == "9"
    assert document.entries("ECPServers") == {"DATA": "10.0.0.1,1972,1"}
    assert Document(document.text()).text() == document.text()


def test_comments_and_blanks_count_for_nothing() -> None:
    text = "# one\n; two\n// three\n/* four\n[Nonsense]\n*/\n\n  [config]  \n  MaxServers=4  ; why\n"
    assert Document(text).entries("config") == {"MaxServers": "4"}


@pytest.mark.parametrize(
    "text",
    [
        "[config]\nNoSuch=1",
        "[NoSuch]\nMaxServers=1",
        "[config]\nMaxServers=255",
        "[config]\nMaxServerConn=-1",
        "[config]\ngmheap=100",
        "[config]\nglobals=1000",
        "[Journal]\nDaysBeforePurge=101",
        "[config]\nMaxServers=1,\n2",
        "MaxServers=1",
        "[Actions]\nModifyConfig:MaxServers=1",
    ],
)
def test_what_an_instance_does_not_start_with(text: str) -> None:
    with pytest.raises(IrisError):
        Document(text).check(merge=False)


def test_actions_are_performed_in_the_documented_order() -> None:
    names = [
        "Execute",
        "ModifyService",
        "CreateNamespace",
        "CreateDatabase",
        "CreateResource",
        "ConfigMirror",
        "CreateECPServer",
    ]
    assert sorted(names, key=ORDER.index) == names[::-1]


def test_an_action_s_values() -> None:
    action = parse(3, 'Execute:Namespace="%SYS",ClassName=My.Class,MethodName="M",Arg1="a=b, ""c""",Arg2=')
    assert action.properties == {
        "Namespace": "%SYS",
        "ClassName": "My.Class",
        "MethodName": "M",
        "Arg1": 'a=b, "c"',
        "Arg2": "",
    }


@pytest.mark.parametrize(
    "line", ["CreateNothing:Name=x", "ModifyService Name=x", "CreateUser:Name=x,PasswordHash=a=b", "CreateUser:x"]
)
def test_actions_that_are_refused(line: str) -> None:
    with pytest.raises(IrisError, match="line 7"):
        parse(7, line)


def test_shared_memory_by_the_guide_s_formula() -> None:
    document = Document(CPF)
    assert shared_memory_mb(document, 16000) == (round(4000 * 1.08 + 400 * 1.02 + 300 + 64 + 6 + 300), 4000, 400)
    document.merge(Document("[config]\nglobals=0,0,8192,0,0,0\nroutines=512\ngmheap=1048576\nMaxServers=8\nMaxServerConn=32\n"))
    assert shared_memory_mb(document, 16000)[0] == round(8192 * 1.08 + 512 * 1.02 + 1024 + 64 + 80 + 300)


def test_a_mirror_s_configuration_is_read_as_it_is_written() -> None:
    entry = Entry("TRAKA", "10.0.0.1", 2188, "10.0.0.1", "GUID-A", "/irissys/sys/", 0, "10.0.0.1", 1972, "CN=a, O=Test")
    document = Document(CPF)
    document.set("MirrorMember", "SystemName", "TRAKA")
    MirrorConfig("TRAK", "GUID", "TRAKA", {"UseSSL": "1", "ArbiterNode": "10.0.0.3|2188"}, {"TRAKA": entry}).store(document)

    found = load(Document(document.text()))

    assert found is not None
    assert (found.use_ssl, found.arbiter, found.qos_seconds) == (True, ("10.0.0.3", 2188), 8.0)
    assert found.members == {"TRAKA": entry}
    assert found.authorized("CN=a,O=Test")


def test_passwords() -> None:
    stored = hashed("secret")
    assert matches("secret", stored)
    assert not matches("other", stored)
    assert len(stored.split(",")) == 4
