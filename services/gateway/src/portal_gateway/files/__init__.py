"""Files of a dataset as readers look for them: by name, role and folder, with sums."""
