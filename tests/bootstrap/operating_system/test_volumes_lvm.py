"""Several EBS volumes as one. LVM and what it writes to the volumes are real.

The kernels that tests run on often have no device mapper: what stands for an active logical volume is a device of its own.
"""

import json
import os

import pytest

from cdk_intersystems.model import tags
from tests.bootstrap.lab.lab import Lab
from tests.bootstrap.operating_system.hosts import DATA, IMPATIENT, UNDO_VOLUMES, Make, Member
from tests.bootstrap.single_steps import die_everywhere, write_program

if os.geteuid() != 0:
    pytest.skip("needs root, for namespaces and block devices", allow_module_level=True)

STRIPED = {**DATA, "count": 2}

# LVM without the kernel's part. An active volume is the link to its device, which a start of the host takes away.
WITHOUT_KERNEL = """\
#!/bin/sh
set -e
mkdir -p /dev/irissys_data
case $0 in
  */lvcreate) /usr/sbin/lvcreate --driverloaded n --activate n --zero n --wipesignatures n "$@" ;;
  */vgchange) /usr/sbin/vgs "$3" > /dev/null ;;
  */lvextend) exec /usr/sbin/lvextend --driverloaded n "$@" ;;
esac
ln -sfn {device} /dev/irissys_data/data
"""


def stand_in(member: Member, mib: int = 640) -> str:
    """Puts the device of the logical volume on the host; returns its volume."""
    volume = member.volume("stand-in", mib)
    member.host.attach(member.lab.disk(volume))
    for name in ("lvcreate", "vgchange", "lvextend"):
        write_program(member.host, name, WITHOUT_KERNEL.format(device=member.device(volume)))
    return volume


def stripes(member: Member) -> list[dict[str, str]]:
    options = ["--reportformat", "json", "--options", "lv_name,stripes,stripesize,seg_size", "--units", "m", "irissys_data"]
    found: list[dict[str, str]] = json.loads(member.host.run("lvs", *options).output)["report"][0]["lv"]
    return found


def test_several_volumes_are_striped_and_mounted_as_one(make: Make) -> None:
    member = make(STRIPED)
    ids = member.volumes()
    stand_in(member)
    ran = member.run()
    first, second = (member.device(each) for each in sorted(ids))
    commands = [each for each in ran.commands if each.startswith(("vg", "lv", "pv"))]
    assert commands == [
        f"vgcreate irissys_data {first} {second}",
        "lvs --reportformat json --options lv_name irissys_data",
        "lvcreate --type striped --stripes 2 --stripesize 4M --extents 100%FREE --name data irissys_data",
    ]
    assert stripes(member) == [{"lv_name": "data", "stripes": "2", "stripe_size": "4.00m", "seg_size": "632.00m"}]
    assert set(member.mounts()) == {"/irissys/db"}
    assert member.run().log == []


def test_it_is_activated_again_where_udev_has_not_done_that(make: Make) -> None:
    member = make(STRIPED)
    member.volumes()
    stand_in(member)
    member.run()
    member.host.path("/irissys/db/IRIS.DAT").write_text("precious")
    member.reboot()
    assert not member.host.path("/dev/irissys_data").exists()
    ran = member.run()
    assert [each for each in ran.commands if each.startswith(("vg", "lvc"))] == ["vgchange --activate y irissys_data"]
    assert member.host.path("/irissys/db/IRIS.DAT").read_text() == "precious"


def test_copies_that_were_tagged_in_the_place_of_all_are_the_same_volume(make: Make, lab: Lab) -> None:
    """As after a rebuild from another member's snapshots: other devices, with the same names in LVM."""
    member = make(STRIPED)
    old = member.volumes()
    stand_in(member)
    member.run()
    member.host.path("/irissys/db/IRIS.DAT").write_text("precious")
    for each in old:
        member.take_away(each)
    new = [member.volume("copy", number=number) for number in (3, 4)]
    if not member.host.is_on():
        member.host.boot()
    for source, target in zip(old, new, strict=True):
        member.work_on(source, f"dd if=$0 of=/tmp/{source} bs=1M conv=sparse")
        member.work_on(target, f"dd if=/tmp/{source} of=$0 bs=1M conv=sparse")
        member.host.run("rm", f"/tmp/{source}")
    ec2 = lab.aws.client("ec2")
    ec2.create_tags(Resources=old, Tags=[{"Key": tags.VOLUME, "Value": "replaced"}])
    ec2.create_tags(Resources=new, Tags=[{"Key": tags.VOLUME, "Value": "data"}])
    ran = member.run()
    changing = [each for each in ran.commands if each.startswith(("vg", "lvc", "mkfs"))]
    assert changing == ["vgchange --activate y irissys_data"]
    assert member.host.path("/irissys/db/IRIS.DAT").read_text() == "precious"
    listed = member.host.run("pvs", "--noheadings", "--options", "pv_name", "--select", "vg_name=irissys_data").output.split()
    assert sorted(listed) == sorted(member.device(each) for each in new)
    assert member.run().log == []


def test_after_any_command(make: Make) -> None:
    member = make(STRIPED)
    ids = member.volumes()
    devices = " ".join(member.device(each) for each in [*ids, stand_in(member)])
    undo = f"set -- $(ls {devices} 2> /dev/null); {UNDO_VOLUMES}"
    look = "ls /var/lib/cdk-intersystems; grep -o '/irissys/db xfs' /proc/mounts; lvs --noheadings --options lv_name,stripes"
    own = {"instance_id": member.host.instance_id, "changed": IMPATIENT}
    # What comes after it is as with one volume.
    commands, seen = die_everywhere(member.host, member.description, "volumes", undo=undo, look=look, until="mkfs.xfs", **own)
    assert [each.split()[0] for each in commands] == ["wipefs", "wipefs", "vgcreate", "lvs", "lvcreate", "wipefs"]
    assert seen[-1].split() == ["volumes.json", "/irissys/db", "xfs", "data", "2"]
    assert set(seen) == {seen[-1]}


def test_one_that_holds_anything_else_is_refused_before_any_is_changed(make: Make) -> None:
    member = make(STRIPED)
    ids = sorted(member.volumes())
    member.work_on(ids[1], "echo x | dd of=$0 bs=1 seek=5000")
    said = member.fails()
    assert said.startswith(f"{', '.join(ids)} (data): {member.device(ids[1])} holds data at byte 5000, and was left as it is")
    assert member.signatures(ids[0]) == []


def test_one_of_another_volume_group_is_refused(make: Make) -> None:
    member = make(STRIPED)
    ids = sorted(member.volumes())
    member.work_on(ids[0], "vgcreate -qq other $0")
    assert "belong to the volume group other; nothing was changed" in member.fails()


def test_the_number_of_stripes_of_a_volume_stays(make: Make, lab: Lab) -> None:
    member = make({**DATA, "count": 3})
    ids = sorted(member.volumes())
    member.work_on(ids[0], f"mknod /dev/second b 7 {lab.disk(ids[1]).minor}; vgcreate -qq irissys_data $0 /dev/second")
    member.host.run("rm", "/dev/second")
    assert (
        "the volume group irissys_data has 2 of 3 volumes; the number of stripes of a volume can't be changed" in member.fails()
    )


def test_it_grows_when_all_of_its_volumes_have_grown(make: Make, lab: Lab) -> None:
    member = make(STRIPED)
    ids = sorted(member.volumes())
    whole = stand_in(member)
    member.run()
    lab.grow(ids[0], 640)
    assert member.run().log == []
    lab.grow(ids[1], 640)
    ran = member.run()
    first, second = (member.device(each) for each in ids)
    assert ran.commands == [f"pvresize {first}", f"pvresize {second}", "lvextend --extents +100%FREE /dev/irissys_data/data"]
    assert stripes(member)[0]["seg_size"] == "1272.00m"
    # What the kernel's part makes of it.
    lab.grow(whole, 1272)
    assert member.run().commands == ["xfs_growfs -d /irissys/db"]


def test_on_rhel_it_tells_lvm_of_devices_that_its_list_of_devices_lacks(make: Make) -> None:
    member = make(STRIPED)
    ids = sorted(member.volumes())
    stand_in(member)
    member.run()
    member.reboot()
    # As with a list of devices that was made on another root volume.
    hides = '#!/bin/sh\nif [ -e /run/listed ]; then exec /usr/sbin/pvs "$@"; fi\necho \'{"report": [{"pv": []}]}\'\n'
    write_program(member.host, "pvs", hides)
    write_program(member.host, "lvmdevices", "#!/bin/sh\ntouch /run/listed\n")
    ran = member.run()
    told = [each for each in ran.commands if each.startswith(("lvmdevices", "vg"))]
    assert told == [*(f"lvmdevices --adddev {member.device(each)}" for each in ids), "vgchange --activate y irissys_data"]
