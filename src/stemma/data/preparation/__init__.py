"""The stage `preprocess`: splits, and what becomes of examples of each kind and task."""
