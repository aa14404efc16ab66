"""The command line and what stage scripts share."""
