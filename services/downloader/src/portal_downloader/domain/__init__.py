"""Rules of file states, batches and shares. No I/O, no clock."""
