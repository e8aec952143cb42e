"""The running instance: its addresses and its state."""
