#!/bin/sh
# Process 1 of a lab host, until it becomes systemd. Arguments: the lab's folder, the host's folder in it, the name of its control group.
set -eu
lab=$1 host=$2 group=$3

mount -t overlay overlay -o "lowerdir=/,upperdir=$host/disk/upper,workdir=$host/disk/work" "$host/root"
cd "$host/root"

# A branch of the control groups for this host: its systemd must see nothing above it.
mount -t cgroup2 cgroup2 "$lab/groups"
mkdir -p "$lab/groups/$group"
echo 0 > "$lab/groups/$group/cgroup.procs"

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
# The kernel is the machine's: what a host would set in it, it sets in files of its own.
mount -t tmpfs -o mode=755 tmpfs "$lab/kernel"
for knob in sys/vm/nr_hugepages=0 sys/vm/swappiness=60 sys/vm/hugetlb_shm_group=0; do
  file=$lab/kernel/$(echo "${knob%=*}" | tr / _)
  echo "${knob#*=}" > "$file"
  mount --bind "$file" "proc/${knob%=*}"
done
for knob in enabled defrag; do
  if [ -e "sys/kernel/mm/transparent_hugepage/$knob" ]; then
    echo "always [madvise] never" > "$lab/kernel/$knob"
    mount --bind "$lab/kernel/$knob" "sys/kernel/mm/transparent_hugepage/$knob"
  fi
done

mount -t tmpfs -o mode=755,nosuid tmpfs dev
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  name=${device%%:*}
  numbers=${device#*:}
  mknod -m 666 "dev/$name" c "${numbers%:*}" "${numbers#*:}"
done
mkdir dev/pts dev/shm dev/disk dev/disk/by-id
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
: > dev/console
# Volumes that were attached before this start: name and numbers of the device, and its name by id.
while read -r name major minor id; do
  mknod -m 660 "dev/$name" b "$major" "$minor"
  [ "$id" = - ] || ln -s "../../$name" "dev/disk/by-id/$id"
done < "$host/devices"

mkdir -p "$host/root/.machine"
pivot_root . .machine
# Only what the kernel gives a machine: no clock to set, no modules to load.
exec unshare --cgroup -- /bin/sh -c '
  umount -l /.machine/sys/fs/cgroup 2> /dev/null || true
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  umount -l /.machine
  rmdir /.machine
  # As systemd itself makes them on a machine: what is mounted later is seen by services with mounts of their own as well.
  mount --make-rshared /
  exec env -i container=lab LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set -sys_time,-sys_module --inh-caps -sys_time,-sys_module \
    /lib/systemd/systemd --log-target=journal --show-status=no < /dev/null > /dev/null 2>&1'
