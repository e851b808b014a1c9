"""Many calls as one job: a grid of questions (``compare``), a table of rows (``map``)."""
