"""Rules of identifiers: policy, state, desired registration. No I/O, no clock."""
