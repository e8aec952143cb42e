"""Rules of file states, batches, fair shares and time estimates. No I/O, no clock."""
