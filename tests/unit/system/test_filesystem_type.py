from __future__ import annotations

import pytest

from modelarts_emulator.system.filesystem_type import (
    Mount,
    is_without_events,
    kind_without_events,
    parse_mount_command,
    parse_mountinfo,
    read_mounts,
)

MOUNTINFO = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /mnt/with\040space rw,nosuid - fuse /tmp/a rw,user_id=0
31 22 0:27 / /srv/nfs rw shared:7 master:1 - nfs4 server:/export rw
32 31 8:2 / /srv/nfs/local rw - ext4 /dev/sdb1 rw
33 22 0:28 / /data rw - 9p host rw
34 33 8:3 / /data rw - xfs /dev/sdc1 rw
"""


def test_parse_mountinfo_returns_folders_and_types() -> None:
    assert parse_mountinfo(MOUNTINFO)[1:3] == [Mount("/mnt/with space", "fuse"), Mount("/srv/nfs", "nfs4")]


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", None),
        ("/mnt/with space/in", "fuse"),
        ("/srv/nfs", "nfs4"),
        ("/srv/nfs/x", "nfs4"),
        ("/srv/nfs/local/x", None),
        ("/srv/nfsx", None),
        ("/srv", "nfs4"),  # mounted below the folder
        ("/data/x", None),  # the later mount hides the earlier one
    ],
)
def test_kind_without_events_uses_the_nearest_mount_and_those_below(folder: str, kind: str | None) -> None:
    assert kind_without_events(folder, parse_mountinfo(MOUNTINFO)) == kind


@pytest.mark.parametrize(
    "kind", ["fuse", "fuse.sshfs", "fuseblk", "9p", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "smbfs"]
)
def test_is_without_events_network_and_shared_folders_returns_true(kind: str) -> None:
    assert is_without_events(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "apfs", "ntfs", "fusectl"])
def test_is_without_events_local_file_systems_returns_false(kind: str) -> None:
    assert not is_without_events(kind)


def test_parse_mount_command_macos_output_returns_folders_and_types() -> None:
    text = "/dev/disk3s1 on / (apfs, sealed)\n//me@server/share on /Volumes/my share (smbfs, nodev)\nmap auto_home on"
    assert parse_mount_command(text) == [Mount("/", "apfs"), Mount("/Volumes/my share", "smbfs")]


def test_read_mounts_this_machine_has_a_root() -> None:
    assert "/" in {mount.folder for mount in read_mounts("/")}
