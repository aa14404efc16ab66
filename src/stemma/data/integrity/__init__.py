"""Is every stored byte still what it was, and how to get back one that is not."""
