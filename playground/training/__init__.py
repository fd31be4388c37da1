"""Lessons: one architecture, one file, to be read from top to bottom in one sitting."""
