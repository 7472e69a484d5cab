#!/bin/sh
# udevadm of a lab host, which has no udev: `udevadm trigger ... DEVICE` names the file system on a device by its UUID, as udev does
# when a device appears or whoever wrote to it has closed it. Here that is not before somebody asks.
set -eu
[ "$1" = trigger ] || exit 0
for device; do :; done
mkdir -p /dev/disk/by-uuid
find /dev/disk/by-uuid -lname "../../${device##*/}" -delete
uuid=$(blkid --probe --match-tag UUID --output value "$device")
[ -z "$uuid" ] || ln -sfn "../../${device##*/}" "/dev/disk/by-uuid/$uuid"
