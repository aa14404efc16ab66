"""What a deep network has to beat."""
