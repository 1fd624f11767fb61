"""Raw H&M files become typed rows; bad rows are set aside with a named reason."""
