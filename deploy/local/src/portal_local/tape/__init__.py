"""A tape archive to run on one machine: WLCG Tape REST v1, drives, mounts and a disk buffer."""
