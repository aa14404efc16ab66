"""Where bytes become arrays."""
