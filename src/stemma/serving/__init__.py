"""The packaged model: raw input (texts, images) -> label and class probabilities, through MLflow's pyfunc."""
