"""Energy models and layer-wise training."""
