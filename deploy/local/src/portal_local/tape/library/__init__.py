"""The tape library: positions, drives, disk buffer, requests and faults."""
