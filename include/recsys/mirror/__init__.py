"""Raw files and images brought from a bucket into a folder: whole, checked, and once."""
