"""What is kept between runs: one SQLite database and private files, under one directory."""
