"""One name, colour and marker a family, wherever results are shown: the report, its plots, the MLflow UI."""

FAMILY_NAMES = {
    "cnn": "CNN",
    "rnn": "RNN",
    "dbn": "DBN",
    "mlp": "MLP",
    "baseline": "Baseline",
}

FAMILY_COLOURS = {
    "cnn": "#0072b2",
    "rnn": "#c44e00",
    "dbn": "#00805d",
    "mlp": "#a8497f",
    "baseline": "#666666",
}
"""Hexadecimal `#rrggbb`, for a light ground: the hues of Okabe and Ito (2008), which colour-blind people
tell apart, darkened until each has a contrast of at least 4.5 to white (WCAG 2.1, 1.4.3)."""

FAMILY_COLOURS_DARK = {
    "cnn": "#5cb8ec",
    "rnn": "#f28a3c",
    "dbn": "#35c79a",
    "mlp": "#e39ac4",
    "baseline": "#a9adb3",
}
"""The same hues for a dark ground."""

FAMILY_MARKERS = {"cnn": "o", "rnn": "s", "dbn": "^", "mlp": "D", "baseline": "X"}
"""Matplotlib markers, so that colour is never the only sign."""
