"""The whole portal on one machine, and simulators of what is outside it."""
