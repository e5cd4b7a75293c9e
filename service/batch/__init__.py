"""Score files of stories: rows in, the same rows with tags out."""
