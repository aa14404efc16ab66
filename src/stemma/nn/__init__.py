"""Parts that several families use."""
