"""What this version needs on the broker: compared with what is there, and made."""
